import { constants, createHash, type KeyObject, sign, verify } from 'node:crypto';
import { err, ok, type Result } from '../../base/result.ts';

/** Both sides of the attestation by a certificate that the machine has already. */
export const x509popMethod = 'x509pop';
export const nonceBytes = 32;

interface ProofParts {
  readonly serverNonce: Uint8Array;
  readonly agentNonce: Uint8Array;
  /** Of the key that the host's certificate in the mesh will be for. */
  readonly publicKeySpki: Uint8Array;
}

/** No other protocol signs a text that begins so. */
const context = 'chancery host attestation x509pop v1\0';

/**
 * What the machine signs. Behind the context every part has 32 bytes, so that no two sets of parts make one text. Both
 * nonces: neither side can have the other sign what was chosen before.
 */
function proofMessage({ serverNonce, agentNonce, publicKeySpki }: ProofParts): Uint8Array {
  return createHash('sha256')
    .update(context)
    .update(serverNonce)
    .update(agentNonce)
    .update(createHash('sha256').update(publicKeySpki).digest())
    .digest();
}

type Scheme =
  | { readonly kind: 'ecdsa' }
  | { readonly kind: 'rsa-pss' }
  | { readonly kind: 'ed25519' };

const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1'];

/** By the key alone: a peer never chooses how its signature is checked. */
function schemeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Scheme | undefined {
  switch (asymmetricKeyType) {
    case 'ec':
      return curves.includes(asymmetricKeyDetails?.namedCurve) ? { kind: 'ecdsa' } : undefined;
    case 'rsa':
      return { kind: 'rsa-pss' };
    case 'ed25519':
      return { kind: 'ed25519' };
    default:
      return undefined;
  }
}

const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};

export function signProof(key: KeyObject, parts: ProofParts): Result<Uint8Array, string> {
  const message = proofMessage(parts);
  const scheme = schemeOf(key);
  switch (scheme?.kind) {
    case 'ecdsa':
      return ok(sign('sha256', message, key));
    case 'rsa-pss':
      return ok(sign('sha256', message, { key, ...pss }));
    case 'ed25519':
      return ok(sign(null, message, key));
    default:
      return err(keysTaken);
  }
}

/** Errors: why the key or the signature is not taken. */
export function verifyProof(
  key: KeyObject,
  parts: ProofParts,
  signature: Uint8Array,
): Result<undefined, string> {
  const message = proofMessage(parts);
  const scheme = schemeOf(key);
  switch (scheme?.kind) {
    case 'ecdsa':
      return verdict(verify('sha256', message, key, signature));
    case 'rsa-pss':
      return verdict(verify('sha256', message, { key, ...pss }, signature));
    case 'ed25519':
      return verdict(verify(null, message, key, signature));
    default:
      return err(keysTaken);
  }
}

const keysTaken = 'the key of the host certificate is none of P-256, P-384, RSA and Ed25519';

function verdict(good: boolean): Result<undefined, string> {
  return good
    ? ok(undefined)
    : err('the answer is not signed by the key of the host certificate for this attestation');
}
