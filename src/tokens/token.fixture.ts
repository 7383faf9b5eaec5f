import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { PolicyIssuer } from '../policy/document.ts';

/** Makes tokens by the books with node:crypto alone, so that the verifier is held against something that is not itself. */

export const nowMs = Date.UTC(2027, 0, 15);
export const nowSeconds = nowMs / 1_000;

export const pairs = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  RSA: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  EdDSA: generateKeyPairSync('ed25519'),
};
export type PairName = keyof typeof pairs;

export const fitting: readonly (readonly [alg: string, pair: PairName])[] = [
  ['ES256', 'ES256'],
  ['ES384', 'ES384'],
  ['ES512', 'ES512'],
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => [alg, 'RSA'] as const),
  ['EdDSA', 'EdDSA'],
  ['Ed25519', 'EdDSA'],
];

export function jwkOf(pair: PairName, more: object = {}): object {
  return { ...pairs[pair].publicKey.export({ format: 'jwk' }), kid: pair, ...more };
}

export const issuer: PolicyIssuer = {
  name: 'acme',
  issuer: 'https://id.acme.test',
  audiences: ['https://shop.acme.test', 'shop'],
  jwks: JSON.stringify({ keys: (Object.keys(pairs) as PairName[]).map((pair) => jwkOf(pair)) }),
  personClaim: 'email',
};

export const goodClaims = {
  iss: 'https://id.acme.test',
  sub: 'u-1',
  aud: 'shop',
  exp: nowSeconds + 300,
  iat: nowSeconds - 5,
  email: 'alice@acme.test',
  scope: 'read write',
};

export function part(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Buffer.from(text).toString('base64url');
}

/** `header` and `claims` may be text, for what no JSON writer makes. */
export function signed(header: unknown, claims: unknown, pair: PairName): string {
  const text = `${part(header)}.${part(claims)}`;
  const { alg = '' } =
    typeof header === 'string' ? JSON.parse(header) : (header as { alg?: string });
  return `${text}.${signatureOf(text, alg, pairs[pair].privateKey).toString('base64url')}`;
}

/** Whatever `alg` says, the key signs as its kind does. */
function signatureOf(text: string, alg: string, key: KeyObject): Buffer {
  const data = Buffer.from(text);
  if (key.asymmetricKeyType === 'ed25519') return sign(null, data, key);
  const bits = /^[EPR]S(\d{3})$/.exec(alg)?.[1] ?? '256';
  if (key.asymmetricKeyType === 'ec') {
    return sign(`sha${bits}`, data, { key, dsaEncoding: 'ieee-p1363' });
  }
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: Number(bits) / 8 };
  return sign(`sha${bits}`, data, { key, ...(alg.startsWith('PS') ? pss : {}) });
}
