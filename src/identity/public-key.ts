import { createPublicKey } from 'node:crypto';
import { readSequence } from './certificate-parts.ts';
import { type Element, readBits, readOne, readUnsigned, tag, write, writeOid } from './der.ts';
import { oid } from './oids.ts';

/** What is wrong with a SubjectPublicKeyInfo. Keys that nobody here could use are refused where they are read. */
export function spkiProblem(element: Element): string | undefined {
  const parts = readSequence(element);
  const [algorithm, key, ...others] = parts.ok ? parts.value : [];
  if (algorithm === undefined || key === undefined || others.length > 0) {
    return 'a public key has two parts';
  }
  const bits = readBits(key);
  if (!bits.ok || bits.value.unused !== 0) return 'a public key that is not whole bytes';
  const problemOf = shapes.get(Buffer.from(algorithm.whole).toString('hex'));
  if (problemOf === undefined) {
    return 'a public key other than RSA, P-256, P-384, P-521 and Ed25519';
  }
  return (
    problemOf(bits.value.bytes) ?? (isKey(element.whole) ? undefined : 'a point off its curve')
  );
}

/** The keys of a large mesh, of which each comes again with every connection; some 250 bytes each. */
const keysKnownMax = 20_000;
/** What OpenSSL took before it takes again, and asking it is most of the cost of reading a certificate. */
const keysKnown = new Set<string>();

function isKey(spki: Uint8Array): boolean {
  const text = Buffer.from(spki).toString('latin1');
  if (keysKnown.has(text)) return true;
  try {
    createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return false;
  }
  const [oldest] = keysKnown;
  if (keysKnown.size >= keysKnownMax && oldest !== undefined) keysKnown.delete(oldest);
  keysKnown.add(text);
  return true;
}

type Shape = (key: Uint8Array) => string | undefined;

function algorithm(id: string, ...parameters: readonly Uint8Array[]): string {
  return Buffer.from(write(tag.sequence, writeOid(id), ...parameters)).toString('hex');
}

/** Each algorithm has one encoding: RSA with NULL (RFC 3279), curves by name (RFC 5480), Ed25519 with nothing (RFC 8410). */
const shapes: ReadonlyMap<string, Shape> = new Map([
  [algorithm(oid.rsaEncryption, write(tag.null)), rsaKeyProblem],
  [algorithm(oid.ecPublicKey, writeOid(oid.prime256v1)), pointOf(32)],
  [algorithm(oid.ecPublicKey, writeOid(oid.secp384r1)), pointOf(48)],
  [algorithm(oid.ecPublicKey, writeOid(oid.secp521r1)), pointOf(66)],
  [algorithm(oid.ed25519), (key) => (key.length === 32 ? undefined : 'not a key of Ed25519')],
]);

const uncompressed = 0x04;

function pointOf(coordinateBytes: number): Shape {
  return (key) =>
    key[0] === uncompressed && key.length === 1 + 2 * coordinateBytes
      ? undefined
      : 'a public key that is no uncompressed point';
}

/** Larger exponents only cost whoever checks a signature; Go takes no others either. */
const exponentBytesMax = 4;

function rsaKeyProblem(key: Uint8Array): string | undefined {
  const outer = readOne(key);
  const parts = outer.ok ? readSequence(outer.value) : outer;
  const [first, second, ...others] = parts.ok ? parts.value : [];
  if (first === undefined || second === undefined || others.length > 0) {
    return 'an RSA key is two numbers';
  }
  const modulus = readUnsigned(first);
  const exponent = readUnsigned(second);
  if (!modulus.ok || !exponent.ok) return 'an RSA key with a broken number';
  if (((modulus.value.at(-1) ?? 0) & 1) === 0) return 'an RSA modulus that is even';
  const { length } = exponent.value;
  const value = length > exponentBytesMax ? 0 : Buffer.from(exponent.value).readUIntBE(0, length);
  return value >= 3 && value < 2 ** 31 && value % 2 === 1
    ? undefined
    : 'an RSA exponent that is even, 1, or above 31 bits';
}
