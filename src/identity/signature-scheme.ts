import { readSequence } from './certificate-parts.ts';
import {
  contextTag,
  type Element,
  isWellFormed,
  readChildren,
  readOid,
  readOne,
  readUnsigned,
  tag,
  write,
  writeOid,
} from './der.ts';
import { oid } from './oids.ts';

type Hash = 'sha256' | 'sha384' | 'sha512';

/** How a certificate is signed, of the ways that are taken. */
export type SignatureScheme =
  | { readonly kind: 'ecdsa'; readonly hash: Hash }
  | { readonly kind: 'rsa-pkcs1'; readonly hash: Hash }
  | { readonly kind: 'rsa-pss'; readonly hash: Hash; readonly saltBytes: number }
  | { readonly kind: 'ed25519' };

const plain = write(tag.null);

function text(...parts: readonly Uint8Array[]): string {
  return Buffer.from(write(tag.sequence, ...parts)).toString('hex');
}

/** Each has one encoding: ECDSA and Ed25519 without parameters (RFC 5758, 8410), RSA with NULL (RFC 4055). */
const schemes: ReadonlyMap<string, SignatureScheme> = new Map<string, SignatureScheme>([
  [text(writeOid(oid.ecdsaWithSha256)), { kind: 'ecdsa', hash: 'sha256' }],
  [text(writeOid(oid.ecdsaWithSha384)), { kind: 'ecdsa', hash: 'sha384' }],
  [text(writeOid(oid.ecdsaWithSha512)), { kind: 'ecdsa', hash: 'sha512' }],
  [text(writeOid(oid.sha256WithRsa), plain), { kind: 'rsa-pkcs1', hash: 'sha256' }],
  [text(writeOid(oid.sha384WithRsa), plain), { kind: 'rsa-pkcs1', hash: 'sha384' }],
  [text(writeOid(oid.sha512WithRsa), plain), { kind: 'rsa-pkcs1', hash: 'sha512' }],
  [text(writeOid(oid.ed25519)), { kind: 'ed25519' }],
]);

const known = new Set<string>([
  oid.ecdsaWithSha256,
  oid.ecdsaWithSha384,
  oid.ecdsaWithSha512,
  oid.sha256WithRsa,
  oid.sha384WithRsa,
  oid.sha512WithRsa,
  oid.ed25519,
  oid.rsaPss,
]);

/** What is wrong with an AlgorithmIdentifier. One that is not known only has to be well-formed: a root may be old. */
export function signatureAlgorithmProblem(element: Element): string | undefined {
  const parts = readSequence(element);
  const [name, , ...others] = parts.ok ? parts.value : [];
  const id = name === undefined ? undefined : readOid(name);
  if (id?.ok !== true || others.length > 0) return 'a signature of no algorithm';
  if (!isWellFormed(element)) return 'a signature algorithm with broken parameters';
  return known.has(id.value) && signatureScheme(element.whole) === undefined
    ? 'a signature algorithm with parameters that are not its own'
    : undefined;
}

/** Undefined for what is not taken: other algorithms, SHA-1, parameters that are not the usual ones. */
export function signatureScheme(algorithm: Uint8Array): SignatureScheme | undefined {
  return schemes.get(Buffer.from(algorithm).toString('hex')) ?? pssScheme(algorithm);
}

function hashOf(id: string): Uint8Array {
  return write(tag.sequence, writeOid(id), plain);
}

/** The hash, and the same hash in MGF1 (RFC 4055 section 3.1). */
function pssHead(id: string): string {
  const mask = write(tag.sequence, writeOid(oid.mgf1), hashOf(id));
  const head = Buffer.concat([
    write(contextTag(0, true), hashOf(id)),
    write(contextTag(1, true), mask),
  ]);
  return head.toString('hex');
}

const pssHashes: ReadonlyMap<string, Hash> = new Map<string, Hash>([
  [pssHead(oid.sha256), 'sha256'],
  [pssHead(oid.sha384), 'sha384'],
  [pssHead(oid.sha512), 'sha512'],
]);

/** The trailer field has only its default, which is not written. */
function pssScheme(algorithm: Uint8Array): SignatureScheme | undefined {
  const outer = readOne(algorithm);
  const parts = outer.ok ? readSequence(outer.value) : outer;
  const [name, parameters, ...others] = parts.ok ? parts.value : [];
  if (name === undefined || parameters === undefined || others.length > 0) return undefined;
  const id = readOid(name);
  if (!id.ok || id.value !== oid.rsaPss) return undefined;
  const fields = readSequence(parameters);
  const [first, second, third, ...more] = fields.ok ? fields.value : [];
  if (first === undefined || second === undefined || third === undefined) return undefined;
  const hash = pssHashes.get(Buffer.concat([first.whole, second.whole]).toString('hex'));
  const saltBytes = saltBytesOf(third);
  if (hash === undefined || saltBytes === undefined || more.length > 0) return undefined;
  return { kind: 'rsa-pss', hash, saltBytes };
}

/** The longest that fits an RSA key of 8,192 bits is 1,022 minus the hash: two bytes. */
const saltFieldBytesMax = 2;

function saltBytesOf(element: Element): number | undefined {
  const parts = element.tag === contextTag(2, true) ? readChildren(element) : undefined;
  const [salt, ...others] = parts?.ok ? parts.value : [];
  const value = salt === undefined || others.length > 0 ? undefined : readUnsigned(salt);
  if (value?.ok !== true || value.value.length > saltFieldBytesMax) return undefined;
  return Buffer.from(value.value).readUIntBE(0, value.value.length);
}
