import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { JwtVerificationKey } from './trust.ts';

/** How one algorithm of RFC 7518 section 3.1 checks a signature. */
export type JwtAlgorithm =
  | {
      readonly kind: 'ecdsa';
      readonly hash: string;
      readonly curve: string;
      /** Of the signature: r and s, each as long as the curve. */
      readonly bytes: number;
    }
  | { readonly kind: 'rsa'; readonly hash: string; readonly padding: number }
  | { readonly kind: 'eddsa' };

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;

/** All that a JWT-SVID may be signed with (rule 31); this mesh itself issues ES256 only. */
const algorithms: ReadonlyMap<unknown, JwtAlgorithm> = new Map<unknown, JwtAlgorithm>([
  ['ES256', { kind: 'ecdsa', hash: 'sha256', curve: 'prime256v1', bytes: 64 }],
  ['ES384', { kind: 'ecdsa', hash: 'sha384', curve: 'secp384r1', bytes: 96 }],
  ['ES512', { kind: 'ecdsa', hash: 'sha512', curve: 'secp521r1', bytes: 132 }],
  ['RS256', { kind: 'rsa', hash: 'sha256', padding: RSA_PKCS1_PADDING }],
  ['RS384', { kind: 'rsa', hash: 'sha384', padding: RSA_PKCS1_PADDING }],
  ['RS512', { kind: 'rsa', hash: 'sha512', padding: RSA_PKCS1_PADDING }],
  ['PS256', { kind: 'rsa', hash: 'sha256', padding: RSA_PKCS1_PSS_PADDING }],
  ['PS384', { kind: 'rsa', hash: 'sha384', padding: RSA_PKCS1_PSS_PADDING }],
  ['PS512', { kind: 'rsa', hash: 'sha512', padding: RSA_PKCS1_PSS_PADDING }],
]);

/** RFC 8037 section 3.1, and the name that RFC 9864 gives it. No JWT-SVID is signed so. */
const edwards: ReadonlyMap<unknown, JwtAlgorithm> = new Map<unknown, JwtAlgorithm>([
  ['EdDSA', { kind: 'eddsa' }],
  ['Ed25519', { kind: 'eddsa' }],
]);

/** Undefined for a name that is no algorithm of JWT-SVIDs: `none`, HS256, EdDSA, `es256`. */
export function jwtAlgorithm(name: unknown): JwtAlgorithm | undefined {
  return algorithms.get(name);
}

/** What tokens of issuers elsewhere are signed with. Undefined for `none`, HS256 and any other name. */
export function issuerAlgorithm(name: unknown): JwtAlgorithm | undefined {
  return algorithms.get(name) ?? edwards.get(name);
}

export function isJwtSignedBy(
  { publicKeySpki }: JwtVerificationKey,
  algorithm: JwtAlgorithm,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  const der = Buffer.from(publicKeySpki, 'base64');
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return isSignedBy(key, algorithm, signed, signature);
}

/** False also where the key is not of the kind that the algorithm takes: the token does not choose what a key is for. */
export function isSignedBy(
  key: KeyObject,
  algorithm: JwtAlgorithm,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!fitsKey(algorithm, key)) return false;
  switch (algorithm.kind) {
    case 'eddsa':
      return verify(null, signed, key, signature);
    case 'ecdsa':
      if (signature.length !== algorithm.bytes) return false;
      return verify(algorithm.hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'rsa': {
      const { hash, padding } = algorithm;
      const saltLength = RSA_PSS_SALTLEN_DIGEST;
      const options = padding === RSA_PKCS1_PSS_PADDING ? { padding, saltLength } : { padding };
      return verify(hash, signed, { key, ...options }, signature);
    }
  }
}

export function fitsKey(algorithm: JwtAlgorithm, key: KeyObject): boolean {
  switch (algorithm.kind) {
    case 'eddsa':
      return key.asymmetricKeyType === 'ed25519';
    case 'rsa':
      return key.asymmetricKeyType === 'rsa';
    case 'ecdsa':
      return (
        key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === algorithm.curve
      );
  }
}
