import { err, ok, type Result } from '../base/result.ts';
import { generalNamesProblem, readGeneralNames, textsOf } from './certificate-names.ts';
import { readNamedBits, readSequence, readTrue } from './certificate-parts.ts';
import {
  contextTag,
  type Element,
  isWellFormed,
  readChildren,
  readOid,
  readOne,
  readUnsigned,
  tag,
} from './der.ts';
import { oid } from './oids.ts';

/** What the extensions of a certificate say. */
export interface Meaning {
  readonly isCa: boolean;
  /** How many more CAs may stand between this one and a leaf; undefined for any number. */
  readonly pathLength: number | undefined;
  /** Bit 0 is digitalSignature; undefined when the extension is missing. */
  readonly keyUsage: { readonly bits: number; readonly critical: boolean } | undefined;
  readonly extKeyUsage: readonly string[] | undefined;
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly sanIsCritical: boolean;
  readonly subjectKeyId: Uint8Array | undefined;
  /** Undefined also where the issuer is told by its name and serial number only. */
  readonly authorityKeyId: Uint8Array | undefined;
  /** Only told, not evaluated: whoever follows a path refuses it. */
  readonly hasNameConstraints: boolean;
}

interface Extension {
  readonly id: string;
  readonly critical: boolean;
  /** The content of its OCTET STRING. */
  readonly value: Uint8Array;
}

const understood = new Set<string>([
  oid.basicConstraints,
  oid.keyUsage,
  oid.extKeyUsage,
  oid.subjectAltName,
  oid.subjectKeyIdentifier,
  oid.authorityKeyIdentifier,
]);

/** RFC 5280 sections 4.2.1.1 and 4.2.1.2. */
const neverCritical = new Set<string>([oid.subjectKeyIdentifier, oid.authorityKeyIdentifier]);

/** Behind the key come the extensions and nothing else: unique identifiers must not be used (RFC 5280 section 4.1.2.8). */
export function readExtensions(rest: readonly Element[]): Result<Meaning, string> {
  const [holder, ...others] = rest;
  if (holder === undefined) return readMeaning([]);
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
  const extensions = new Map<string, Extension>();
  for (const item of items.value) {
    const extension = readExtension(item);
    if (!extension.ok) return extension;
    const { id } = extension.value;
    if (extensions.has(id)) return err('an extension stands twice');
    extensions.set(id, extension.value);
  }
  return readMeaning([...extensions.values()]);
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
  if (critical.value && neverCritical.has(id.value))
    return err('a key identifier that is marked critical');
  const holder = third ?? second;
  if (holder.tag !== tag.octetString) return err('an extension without a value');
  if (isOfStandard(id.value) && !isWhole(holder.content))
    return err(`the extension ${id.value} is not well-formed`);
  return ok({ id: id.value, critical: critical.value, value: holder.content });
}

/** Of X.509 itself, or of PKIX: their values are DER. What others put into theirs is theirs. */
function isOfStandard(id: string): boolean {
  return id.startsWith('2.5.29.') || id.startsWith('1.3.6.1.5.5.7.1.');
}

function isWhole(value: Uint8Array): boolean {
  const element = readOne(value);
  return element.ok && isWellFormed(element.value);
}

function readMeaning(extensions: readonly Extension[]): Result<Meaning, string> {
  const find = (id: string): Extension | undefined => extensions.find((one) => one.id === id);
  const constraints = meaningOf(find(oid.basicConstraints), readConstraints);
  if (!constraints.ok) return constraints;
  const usage = find(oid.keyUsage);
  const usageBits = meaningOf(usage, readNamedBits);
  if (!usageBits.ok) return usageBits;
  const extKeyUsage = meaningOf(find(oid.extKeyUsage), readPurposes);
  if (!extKeyUsage.ok) return extKeyUsage;
  const san = find(oid.subjectAltName);
  const names = meaningOf(san, readGeneralNames);
  if (!names.ok) return names;
  const subjectKeyId = meaningOf(find(oid.subjectKeyIdentifier), readSubjectKeyId);
  if (!subjectKeyId.ok) return subjectKeyId;
  const authorityKeyId = meaningOf(find(oid.authorityKeyIdentifier), readAuthorityKeyId);
  if (!authorityKeyId.ok) return authorityKeyId;
  const bits = usageBits.value;
  return ok({
    isCa: constraints.value?.isCa ?? false,
    pathLength: constraints.value?.pathLength,
    keyUsage: bits === undefined ? undefined : { bits, critical: usage?.critical ?? false },
    extKeyUsage: extKeyUsage.value,
    uriSans: textsOf(names.value ?? [], 6),
    dnsSans: textsOf(names.value ?? [], 2),
    sanIsCritical: san?.critical ?? false,
    subjectKeyId: subjectKeyId.value,
    authorityKeyId: authorityKeyId.value,
    hasNameConstraints: find(oid.nameConstraints) !== undefined,
  });
}

/** An extension that is missing says nothing; the value of one that is there is one element, wholly. */
function meaningOf<T>(
  extension: Extension | undefined,
  read: (value: Element) => Result<T, string>,
): Result<T | undefined, string> {
  if (extension === undefined) return ok(undefined);
  const value = readOne(extension.value);
  return value.ok ? read(value.value) : value;
}

type Constraints = Pick<Meaning, 'isCa' | 'pathLength'>;

/** `cA` stands there only when it is true, and a path length only beside it. */
function readConstraints(value: Element): Result<Constraints, string> {
  const parts = readSequence(value);
  if (!parts.ok) return parts;
  const [first, length, ...others] = parts.value;
  if (first === undefined) return ok({ isCa: false, pathLength: undefined });
  const isCa = readTrue(first);
  if (!isCa.ok) return isCa;
  if (others.length > 0) return err('basic constraints that are too long');
  if (length === undefined) return ok({ isCa: true, pathLength: undefined });
  const number = readUnsigned(length);
  const [pathLength = 0, ...more] = number.ok ? number.value : [];
  if (!number.ok || more.length > 0) return err('a path length that is no small number');
  return ok({ isCa: true, pathLength });
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

function readSubjectKeyId(value: Element): Result<Uint8Array, string> {
  return value.tag === tag.octetString && value.content.length > 0
    ? ok(value.content)
    : err('a subject key identifier that is no bytes');
}

/** A key identifier, or the issuer's name together with its serial number, or both, in this order. */
function readAuthorityKeyId(value: Element): Result<Uint8Array | undefined, string> {
  const parts = readSequence(value);
  if (!parts.ok) return parts;
  const rest = [...parts.value];
  const keyId = rest[0]?.tag === contextTag(0, false) ? rest.shift() : undefined;
  if (keyId !== undefined && keyId.content.length === 0) return err('an empty key identifier');
  const [issuer, serial, ...others] = rest;
  if (issuer === undefined) {
    return keyId === undefined
      ? err('an authority key identifier that names nobody')
      : ok(keyId.content);
  }
  const names = issuer.tag === contextTag(1, true) ? readChildren(issuer) : err('no names');
  const isIssuer =
    names.ok && names.value.length > 0 && generalNamesProblem(names.value) === undefined;
  const isSerial =
    serial?.tag === contextTag(2, false) && readUnsigned({ ...serial, tag: tag.integer }).ok;
  return isIssuer && isSerial && others.length === 0
    ? ok(keyId?.content)
    : err('an authority key identifier of another shape');
}
