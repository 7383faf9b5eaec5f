import { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../../base/result.ts';
import { readBits, readChildren, readOid, readOne, tag } from '../der.ts';
import { oid } from '../oids.ts';
import type { TpmPublic } from './tpm-public.ts';

/** Above the certificate of a TPM come one or two CAs of its maker. */
const chainMax = 5;

/**
 * Which root vouches for an endorsement key: its certificate is first in `chain`, DER, and what lies between follows in any
 * order. In words for the operator when none does.
 */
export function ekIssuer(
  chain: readonly Uint8Array[],
  given: {
    readonly ek: TpmPublic;
    readonly roots: readonly Uint8Array[];
    readonly nowMs: number;
  },
): Result<X509Certificate, string> {
  if (chain.length === 0) return err('its TPM holds no certificate of its endorsement key');
  if (chain.length > chainMax) return err(`the chain has more than ${chainMax} certificates`);
  try {
    const [leaf, ...between] = chain.map((der) => new X509Certificate(der));
    const roots = given.roots.map((der) => new X509Certificate(der));
    if (leaf === undefined) return err('there is no certificate');
    const problem = leafProblem(leaf, given.ek, given.nowMs);
    return problem === undefined ? climb(leaf, between, { ...given, roots }) : err(problem);
  } catch {
    return err('a certificate of the endorsement key cannot be read');
  }
}

/** A maker's CA also certifies other things: only what is made for this purpose names a TPM. */
function leafProblem(leaf: X509Certificate, ek: TpmPublic, nowMs: number): string | undefined {
  if (!isCertifiedKey(leaf.raw, ek)) return 'the certificate is that of another key';
  if (leaf.ca || leaf.keyUsage?.includes(oid.ekCertificate) !== true)
    return 'the certificate is not that of an endorsement key';
  return isValid(leaf, nowMs) ? undefined : 'the certificate is not valid now';
}

function climb(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  given: { readonly roots: readonly X509Certificate[]; readonly nowMs: number },
): Result<X509Certificate, string> {
  const unused = new Set(between);
  let current = leaf;
  for (let step = 0; step < chainMax; step += 1) {
    const issued = (by: X509Certificate): boolean => isIssuer(by, current, given.nowMs);
    const root = given.roots.find(issued);
    if (root !== undefined) return ok(root);
    const next = [...unused].find(issued);
    if (next === undefined) break;
    unused.delete(next);
    current = next;
  }
  return err('no CA in `roots` has issued the certificate of its endorsement key');
}

function isIssuer(by: X509Certificate, of: X509Certificate, nowMs: number): boolean {
  return by.ca && isValid(by, nowMs) && of.checkIssued(by) && of.verify(by.publicKey);
}

function isValid({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean {
  return validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime();
}

/** Position of SubjectPublicKeyInfo behind version, serial, algorithm, issuer, validity and subject. */
const spkiIndex = 6;
/** Some makers say in the certificate that the key is for OAEP, by an identifier that OpenSSL takes for no key. */
const rsaNames: readonly string[] = [oid.rsaEncryption, oid.rsaesOaep];

function isCertifiedKey(certificate: Uint8Array, ek: TpmPublic): boolean {
  const certified = keyOf(certificate, [0, spkiIndex]);
  const own = keyOf(ek.spki, []);
  if (certified === undefined || own === undefined) return false;
  if (ek.kind === 'ecc') return Buffer.compare(certified.whole, own.whole) === 0;
  return rsaNames.includes(certified.algorithm) && Buffer.compare(certified.bits, own.bits) === 0;
}

interface KeyInfo {
  readonly whole: Uint8Array;
  readonly algorithm: string;
  readonly bits: Uint8Array;
}

/** The SubjectPublicKeyInfo at that place of nested sequences. */
function keyOf(der: Uint8Array, path: readonly number[]): KeyInfo | undefined {
  let element = readOne(der);
  for (const index of path) {
    const children = element.ok ? readChildren(element.value) : element;
    const child = children.ok ? children.value[index] : undefined;
    if (child === undefined) return undefined;
    element = ok(child);
  }
  const parts = element.ok ? readChildren(element.value) : element;
  const [head, key] = parts.ok ? parts.value : [];
  if (!element.ok || head?.tag !== tag.sequence || key === undefined) return undefined;
  const names = readChildren(head);
  const [name] = names.ok ? names.value : [];
  const algorithm = name === undefined ? undefined : readOid(name);
  const bits = readBits(key);
  if (algorithm?.ok !== true || !bits.ok) return undefined;
  return { whole: element.value.whole, algorithm: algorithm.value, bits: bits.value.bytes };
}
