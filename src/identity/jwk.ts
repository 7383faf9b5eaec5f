import { createPublicKey, type KeyObject } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';

/** Curves that a JWK may name, and how long a coordinate is (RFC 7518 section 6.2.1.2). */
const coordinateBytes: Readonly<Record<string, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };
/** Below it a key is weak (NIST SP 800-131A); above it one check costs too much. */
const rsaBitsMin = 2_048;
const rsaBitsMax = 8_192;
const ed25519Bytes = 32;
const rsaExponentMax = 2n ** 32n;

type Members = Readonly<Record<string, unknown>>;

/** The public members of a JWK, in the order of RFC 7638. */
export function publicJwk(publicKeySpki: Uint8Array): Readonly<Record<string, string>> {
  const key = createPublicKey({ key: Buffer.from(publicKeySpki), format: 'der', type: 'spki' });
  const { crv, e, kty = '', n, x, y } = key.export({ format: 'jwk' });
  const members = { crv, e, kty, n, x, y };
  const present = Object.entries(members).filter((entry): entry is [string, string] =>
    Boolean(entry[1]),
  );
  return Object.fromEntries(present);
}

/**
 * The public key of a JWK: RSA, or EC on a NIST curve. Undefined: of a kind that is not known here, which is to be
 * passed over (rule 45; RFC 7517 section 5). Errors: what is wrong with a key of a known kind.
 */
export function readPublicJwk(jwk: Members): Result<KeyObject | undefined, string> {
  const { kty, crv } = jwk;
  if (kty !== 'EC' && kty !== 'RSA') return ok(undefined);
  if ('d' in jwk) return err('it gives a private key away');
  if (kty === 'RSA') return readRsa(jwk);
  const length = typeof crv === 'string' ? coordinateBytes[crv] : undefined;
  return length === undefined ? ok(undefined) : readEc(jwk, length);
}

/** As `readPublicJwk`, and Ed25519 (RFC 8037): what issuers of tokens sign with. */
export function readIssuerJwk(jwk: Members): Result<KeyObject | undefined, string> {
  const { kty, crv, x } = jwk;
  if (kty !== 'OKP') return readPublicJwk(jwk);
  if (crv !== 'Ed25519') return ok(undefined);
  if ('d' in jwk) return err('it gives a private key away');
  if (!isBytes(x, ed25519Bytes)) return err(`"x" is not ${ed25519Bytes} bytes`);
  const key = importKey({ kty, crv, x });
  return key === undefined ? err('it is no point on Ed25519') : ok(key);
}

function readEc({ crv, x, y }: Members, length: number): Result<KeyObject, string> {
  if (!isBytes(x, length) || !isBytes(y, length)) {
    return err(`"x" and "y" are not ${length} bytes each`);
  }
  const key = importKey({ kty: 'EC', crv: String(crv), x, y });
  return key === undefined ? err(`it is no point on ${String(crv)}`) : ok(key);
}

function readRsa({ n, e }: Members): Result<KeyObject, string> {
  if (!isBytes(n) || !isBytes(e)) return err('"n" and "e" are not both in base64url');
  const key = importKey({ kty: 'RSA', n, e });
  const { modulusLength = 0, publicExponent = 0n } = key?.asymmetricKeyDetails ?? {};
  if (key === undefined) return err('it is no RSA key');
  if (modulusLength < rsaBitsMin || modulusLength > rsaBitsMax) {
    return err(`its modulus has ${modulusLength} bits, not ${rsaBitsMin} to ${rsaBitsMax}`);
  }
  const isSound = publicExponent >= 3n && publicExponent < rsaExponentMax && publicExponent % 2n;
  return isSound ? ok(key) : err(`its exponent is ${publicExponent}`);
}

function importKey(jwk: Record<string, string>): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** Base64url in its one spelling, of so many bytes. */
function isBytes(value: unknown, length?: number): value is string {
  if (typeof value !== 'string' || value === '') return false;
  const bytes = Buffer.from(value, 'base64url');
  return bytes.toString('base64url') === value && (length ?? bytes.length) === bytes.length;
}
