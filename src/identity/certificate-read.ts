import { err, ok, type Result } from '../base/result.ts';
import {
  nameProblem,
  readNamedBits,
  readSequence,
  readTrue,
  serialProblem,
  spkiProblem,
} from './certificate-parts.ts';
import {
  contextTag,
  type Element,
  readBits,
  readChildren,
  readOid,
  readOne,
  readTime,
  tag,
} from './der.ts';
import { oid } from './oids.ts';

/** What a certificate says; nothing in it is trusted yet. */
export interface Certificate {
  readonly der: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  readonly serialHex: string;
  /** DER names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKeySpki: Uint8Array;
  readonly isCa: boolean;
  /** Bit 0 is digitalSignature; undefined when the extension is missing. */
  readonly keyUsage: { readonly bits: number; readonly critical: boolean } | undefined;
  readonly extKeyUsage: readonly string[] | undefined;
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly sanIsCritical: boolean;
}

interface Extension {
  readonly id: string;
  readonly critical: boolean;
  readonly value: Element;
}

const understood = new Set<string>([
  oid.basicConstraints,
  oid.keyUsage,
  oid.extKeyUsage,
  oid.subjectAltName,
  oid.subjectKeyIdentifier,
  oid.authorityKeyIdentifier,
]);

/** Strict: what is not plain RFC 5280 version 3, or critical and not understood, is refused. Never throws. */
export function readCertificate(der: Uint8Array): Result<Certificate, string> {
  const outer = readOne(der);
  if (!outer.ok) return outer;
  const parts = readChildren(outer.value);
  if (!parts.ok) return parts;
  const [tbs, algorithm, signature] = parts.value;
  if (
    tbs === undefined ||
    algorithm === undefined ||
    signature === undefined ||
    parts.value.length !== 3 ||
    outer.value.tag !== tag.sequence ||
    tbs.tag !== tag.sequence ||
    algorithm.tag !== tag.sequence
  ) {
    return err('a certificate has three parts');
  }
  const bits = readBits(signature);
  if (!bits.ok) return bits;
  if (bits.value.unused !== 0) return err('a signature is whole bytes');
  const fields = readSequence(tbs);
  if (!fields.ok) return fields;
  const [version, serial, inner, issuer, validity, subject, spki, ...rest] = fields.value;
  if (
    version?.tag !== contextTag(0, true) ||
    Buffer.from(version.content).toString('hex') !== '020102'
  ) {
    return err('not a version 3 certificate');
  }
  if (serial === undefined || issuer === undefined || subject === undefined || spki === undefined) {
    return err('a field of the certificate is missing');
  }
  const shape =
    serialProblem(serial) ?? nameProblem(issuer) ?? nameProblem(subject) ?? spkiProblem(spki);
  if (shape !== undefined) return err(shape);
  if (inner === undefined || Buffer.compare(inner.whole, algorithm.whole) !== 0) {
    return err('the two signature algorithms differ');
  }
  const times = readValidity(validity);
  if (!times.ok) return times;
  const extensions = readExtensions(rest);
  if (!extensions.ok) return extensions;
  const meaning = readMeaning(extensions.value);
  if (!meaning.ok) return meaning;
  return ok({
    der,
    tbs: tbs.whole,
    signature: bits.value.bytes,
    serialHex: Buffer.from(serial.content).toString('hex'),
    issuer: issuer.whole,
    subject: subject.whole,
    publicKeySpki: spki.whole,
    ...times.value,
    ...meaning.value,
  });
}

function readValidity(
  element: Element | undefined,
): Result<Pick<Certificate, 'notBeforeMs' | 'notAfterMs'>, string> {
  const times = element === undefined ? err('no validity') : readSequence(element);
  if (!times.ok) return times;
  const [first, second, ...others] = times.value;
  if (first === undefined || second === undefined || others.length > 0) {
    return err('a validity is two times');
  }
  const notBefore = readTime(first);
  if (!notBefore.ok) return notBefore;
  const notAfter = readTime(second);
  if (!notAfter.ok) return notAfter;
  return ok({ notBeforeMs: notBefore.value, notAfterMs: notAfter.value });
}

/** Behind the key come the extensions and nothing else: unique identifiers must not be used (RFC 5280 section 4.1.2.8). */
function readExtensions(rest: readonly Element[]): Result<readonly Extension[], string> {
  const [holder, ...others] = rest;
  if (holder === undefined) return ok([]);
  if (holder.tag !== contextTag(3, true) || others.length > 0) {
    return err('something other than extensions follows the key');
  }
  const list = readChildren(holder);
  if (!list.ok) return list;
  const [sequence, ...more] = list.value;
  if (sequence === undefined || more.length > 0) return err('extensions are one sequence');
  const items = readSequence(sequence);
  if (!items.ok) return items;
  if (items.value.length === 0) return err('empty extensions');
  const extensions: Extension[] = [];
  for (const item of items.value) {
    const extension = readExtension(item);
    if (!extension.ok) return extension;
    if (extensions.some((one) => one.id === extension.value.id))
      return err('an extension stands twice');
    extensions.push(extension.value);
  }
  return ok(extensions);
}

function readExtension(item: Element): Result<Extension, string> {
  const parts = readSequence(item);
  if (!parts.ok) return parts;
  const [name, second, third, ...others] = parts.value;
  if (name === undefined || second === undefined || others.length > 0) {
    return err('an extension that is cut off or too long');
  }
  const id = readOid(name);
  if (!id.ok) return id;
  const critical = third === undefined ? ok(false) : readTrue(second);
  if (!critical.ok) return critical;
  if (critical.value && !understood.has(id.value))
    return err(`the critical extension ${id.value} is unknown`);
  const holder = third ?? second;
  if (holder.tag !== tag.octetString) return err('an extension without a value');
  const value = readOne(holder.content);
  if (!value.ok)
    return understood.has(id.value) ? value : ok({ id: id.value, critical: false, value: holder });
  return ok({ id: id.value, critical: critical.value, value: value.value });
}

type Meaning = Pick<
  Certificate,
  'isCa' | 'keyUsage' | 'extKeyUsage' | 'uriSans' | 'dnsSans' | 'sanIsCritical'
>;

function readMeaning(extensions: readonly Extension[]): Result<Meaning, string> {
  const find = (id: string): Extension | undefined => extensions.find((one) => one.id === id);
  const constraints = find(oid.basicConstraints);
  const isCa = constraints === undefined ? ok(false) : readIsCa(constraints.value);
  if (!isCa.ok) return isCa;
  const usage = find(oid.keyUsage);
  const usageBits = usage === undefined ? undefined : readNamedBits(usage.value);
  if (usageBits?.ok === false) return usageBits;
  const extended = find(oid.extKeyUsage);
  const purposes = extended === undefined ? undefined : readPurposes(extended.value);
  if (purposes?.ok === false) return purposes;
  const san = find(oid.subjectAltName);
  const names = san === undefined ? ok([]) : readNames(san.value);
  if (!names.ok) return names;
  return ok({
    isCa: isCa.value,
    keyUsage:
      usage === undefined || usageBits === undefined
        ? undefined
        : { bits: usageBits.value, critical: usage.critical },
    extKeyUsage: purposes?.value,
    uriSans: textsOf(names.value, 6),
    dnsSans: textsOf(names.value, 2),
    sanIsCritical: san?.critical ?? false,
  });
}

/** `cA` stands there only when it is true, and a path length only beside it. */
function readIsCa(value: Element): Result<boolean, string> {
  const parts = readSequence(value);
  if (!parts.ok) return parts;
  const [first, length, ...others] = parts.value;
  if (first === undefined) return ok(false);
  const isCa = readTrue(first);
  if (!isCa.ok) return isCa;
  if (length !== undefined && lengthProblem(length)) return err('a path length that is no number');
  return others.length === 0 ? isCa : err('basic constraints that are too long');
}

const pathLengthMax = 127;

function lengthProblem({ tag: found, content }: Element): boolean {
  return found !== tag.integer || content.length !== 1 || (content[0] ?? 0) > pathLengthMax;
}

function readPurposes(value: Element): Result<readonly string[], string> {
  const parts = readSequence(value);
  if (!parts.ok) return parts;
  if (parts.value.length === 0) return err('an extended key usage without a purpose');
  const purposes: string[] = [];
  for (const part of parts.value) {
    const purpose = readOid(part);
    if (!purpose.ok) return purpose;
    purposes.push(purpose.value);
  }
  return ok(purposes);
}

const isText = /^[\x21-\x7e]+$/;

/** Names that are text are visible ASCII: what a C library would cut at a zero byte is refused. */
function readNames(value: Element): Result<readonly Element[], string> {
  const names = readSequence(value);
  if (!names.ok) return names;
  if (names.value.length === 0) return err('an alternative name without a name');
  for (const name of names.value) {
    if ((name.tag & 0xc0) !== 0x80) return err('an alternative name of no kind');
    const isUriOrDns = name.tag === contextTag(6, false) || name.tag === contextTag(2, false);
    if (isUriOrDns && !isText.test(Buffer.from(name.content).toString('latin1'))) {
      return err('an alternative name with characters other than visible ASCII');
    }
  }
  return names;
}

function textsOf(names: readonly Element[], choice: number): string[] {
  return names
    .filter((name) => name.tag === contextTag(choice, false))
    .map((name) => Buffer.from(name.content).toString('latin1'));
}
