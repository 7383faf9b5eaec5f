import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import type { TrustDomain } from '../model/types.ts';
import { verifyJwtSvid } from './jwt-svid.ts';

const nowMs = Date.UTC(2026, 10, 24);
const claims = { sub: 'spiffe://partner.test/web', aud: 'payments', exp: nowMs / 1_000 + 60 };

const keys = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  RSA: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
};
type KeyName = keyof typeof keys;

const fitting: readonly (readonly [string, KeyName])[] = [
  ['ES256', 'P-256'],
  ['ES384', 'P-384'],
  ['ES512', 'P-521'],
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => [alg, 'RSA'] as const),
];

/** Signed by the books for the algorithm's family, with whatever key is given. */
function token(alg: string, privateKey: KeyObject): string {
  const text = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${text({ alg, kid: 'k' })}.${text(claims)}`;
  const hash = `sha${alg.slice(2)}`;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: Number(alg.slice(2)) / 8 };
  const isRsa = privateKey.asymmetricKeyType === 'rsa';
  const how = isRsa && alg.startsWith('PS') ? pss : { dsaEncoding: 'ieee-p1363' as const };
  const signature = sign(hash, Buffer.from(signed), { key: privateKey, ...how });
  return `${signed}.${signature.toString('base64url')}`;
}

function outcome(jwt: string, publicKey: KeyObject): string {
  const publicKeySpki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const bundle = {
    ...{ trustDomain: 'partner.test' as TrustDomain, sequence: 1, x509Roots: [] },
    jwtKeys: [{ kid: 'k', publicKeySpki }],
  };
  const result = verifyJwtSvid({ token: jwt, audience: 'payments', nowMs, bundles: [bundle] });
  return result.ok ? 'taken' : result.error;
}

describe('algorithms of JWT-SVIDs (rule 31)', () => {
  for (const [alg, name] of fitting) {
    it(`${alg} is taken with a key on ${name}, and not with another key of that kind`, () => {
      const { privateKey, publicKey } = keys[name];
      const jwt = token(alg, privateKey);
      assert.equal(outcome(jwt, publicKey), 'taken');
      const other =
        name === 'RSA'
          ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
          : generateKeyPairSync('ec', { namedCurve: name });
      assert.match(outcome(jwt, other.publicKey), /does not fit/);
    });
  }

  it('an algorithm is not taken with a key of another kind or curve', () => {
    for (const [alg, fits] of fitting) {
      for (const name of Object.keys(keys) as KeyName[]) {
        if (name === fits) continue;
        const { privateKey, publicKey } = keys[name];
        assert.match(outcome(token(alg, privateKey), publicKey), /does not fit/, `${alg} ${name}`);
      }
    }
  });

  it('the token does not choose what a key is for: ECDSA under the name of RSA is not taken', () => {
    const { privateKey, publicKey } = keys['P-256'];
    for (const alg of ['RS256', 'PS256']) {
      const [header, body] = token(alg, privateKey).split('.');
      const der = sign('sha256', Buffer.from(`${header}.${body}`), privateKey).toString(
        'base64url',
      );
      assert.match(outcome(`${header}.${body}.${der}`, publicKey), /does not fit/, alg);
    }
  });

  it('a signature made for one of RS and PS is not taken for the other', () => {
    const { privateKey, publicKey } = keys.RSA;
    const [, , signature] = token('PS256', privateKey).split('.');
    const [header, body] = token('RS256', privateKey).split('.');
    assert.match(outcome(`${header}.${body}.${signature}`, publicKey), /does not fit/);
  });

  it('an EC signature in DER, or cut short, is not taken', () => {
    const { privateKey, publicKey } = keys['P-256'];
    const [header, body, signature = ''] = token('ES256', privateKey).split('.');
    const der = sign('sha256', Buffer.from(`${header}.${body}`), privateKey).toString('base64url');
    assert.match(outcome(`${header}.${body}.${der}`, publicKey), /does not fit/);
    assert.match(outcome(`${header}.${body}.${signature.slice(0, -2)}`, publicKey), /does not fit/);
  });
});
