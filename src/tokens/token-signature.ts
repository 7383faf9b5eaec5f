import { err, ok, type Result } from '../base/result.ts';
import type { CompactJws } from '../identity/compact-jws.ts';
import { fitsKey, isSignedBy, issuerAlgorithm } from '../identity/jwt-algorithms.ts';
import type { IssuerKey } from './issuer-keys.ts';
import type { TokenRefusal } from './refusal.ts';

/**
 * Keys come from mesh.yaml and from nowhere else (RFC 8725 section 3.10), nothing is unpacked or decrypted, and what must
 * be understood is not (RFC 7515 section 4.1.11).
 */
const refusedMembers = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc', 'epk'];
/** A JWT as such, and an access token (RFC 9068 section 2.1); `application/` may be left out (RFC 7515 section 4.1.9). */
const types = ['jwt', 'at+jwt'];
/** A check costs about 50 µs. A token without `kid` is held against so many keys; an issuer rotates two or three. */
const keysTriedMax = 4;

/** What is wrong with the header, without a look at any key. */
export function headerRefusal({ header }: CompactJws): TokenRefusal | undefined {
  if (refusedMembers.some((name) => Object.hasOwn(header, name))) return 'header';
  const { alg, typ, kid } = header;
  if (issuerAlgorithm(alg) === undefined) return 'algorithm';
  if (kid !== undefined && (typeof kid !== 'string' || kid === '')) return 'malformed';
  if (typ === undefined) return undefined;
  if (typeof typ !== 'string') return 'malformed';
  return types.includes(typ.toLowerCase().replace(/^application\//, '')) ? undefined : 'type';
}

/** The key says what it is for; the token's `alg` only has to agree (RFC 8725 section 3.1). */
export function checkSignature(
  jws: CompactJws,
  keys: readonly IssuerKey[],
): Result<true, TokenRefusal> {
  const { alg, kid } = jws.header;
  const algorithm = issuerAlgorithm(alg);
  if (algorithm === undefined) return err('algorithm');
  const named = kid === undefined ? keys : keys.filter((one) => one.kid === kid);
  if (named.length === 0) return err('unknown-key');
  const fitting = named.filter(
    (one) => fitsKey(algorithm, one.key) && (one.alg === undefined || one.alg === alg),
  );
  if (fitting.length === 0) return err('algorithm');
  const bytes = Buffer.from(jws.signed);
  const isSigned = fitting
    .slice(0, keysTriedMax)
    .some(({ key }) => isSignedBy(key, algorithm, bytes, jws.signature));
  return isSigned ? ok(true) : err('signature');
}
