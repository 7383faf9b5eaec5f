import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';

interface JwtKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** The public members of a P-256 JWK, in the order of RFC 7638. */
interface EcJwk {
  readonly crv: 'P-256';
  readonly kty: 'EC';
  readonly x: string;
  readonly y: string;
}

export function ecJwk(publicKeySpki: Uint8Array): EcJwk {
  const key = createPublicKey({ key: Buffer.from(publicKeySpki), format: 'der', type: 'spki' });
  const { kty, crv, x, y } = key.export({ format: 'jwk' });
  if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined) {
    throw new Error('the key is not on P-256');
  }
  return { crv, kty, x, y };
}

/** RFC 7638: the same key has the same name everywhere, and no two keys share one. */
export function jwkThumbprint(publicKeySpki: Uint8Array): string {
  return createHash('sha256')
    .update(JSON.stringify(ecJwk(publicKeySpki)))
    .digest('base64url');
}

/** JWS compact serialisation, ES256. The header holds alg, kid and typ and nothing else (JWT-SVID section 2). */
export function signJwt(key: JwtKey, claims: Readonly<Record<string, unknown>>): string {
  const header = { alg: 'ES256', kid: key.kid, typ: 'JWT' };
  const signed = `${encode(header)}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${signed}.${signature.toString('base64url')}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
