import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { JwtVerificationKey } from './trust.ts';

/** How one algorithm of RFC 7518 section 3.1 checks a signature. */
type Algorithm =
  | {
      readonly kind: 'ecdsa';
      readonly hash: string;
      readonly curve: string;
      /** Of the signature: r and s, each as long as the curve. */
      readonly bytes: number;
    }
  | { readonly kind: 'rsa'; readonly hash: string; readonly padding: number };

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;

/** All that a JWT-SVID may be signed with (rule 31); this mesh itself issues ES256 only. */
const algorithms: ReadonlyMap<unknown, Algorithm> = new Map<unknown, Algorithm>([
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

/** Undefined for a name that is no algorithm of JWT-SVIDs: `none`, HS256, EdDSA, `es256`. */
export function jwtAlgorithm(name: unknown): Algorithm | undefined {
  return algorithms.get(name);
}

/** False also where the key is not of the kind that the algorithm takes: the token does not choose what a key is for. */
export function isJwtSignedBy(
  { publicKeySpki }: JwtVerificationKey,
  algorithm: Algorithm,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  const der = Buffer.from(publicKeySpki, 'base64');
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  if (!fits(algorithm, key)) return false;
  if (algorithm.kind === 'ecdsa') {
    if (signature.length !== algorithm.bytes) return false;
    return verify(algorithm.hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
  const { hash, padding } = algorithm;
  const saltLength = RSA_PSS_SALTLEN_DIGEST;
  const options = padding === RSA_PKCS1_PSS_PADDING ? { padding, saltLength } : { padding };
  return verify(hash, signed, { key, ...options }, signature);
}

function fits(algorithm: Algorithm, key: KeyObject): boolean {
  if (algorithm.kind === 'rsa') return key.asymmetricKeyType === 'rsa';
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === algorithm.curve;
}
