import { isUtf8 } from 'node:buffer';
import { err, ok, type Result } from '../base/result.ts';
import { readSequence } from './certificate-parts.ts';
import {
  contextTag,
  type Element,
  isWellFormed,
  readChildren,
  readOid,
  readOne,
  tag,
} from './der.ts';
import { oid } from './oids.ts';

interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

/** A name is a sequence of sets of attributes, each an identifier and a text. */
export function readName(element: Element): Result<readonly NameAttribute[], string> {
  const sets = readSequence(element);
  if (!sets.ok) return err('a name that is no sequence');
  const attributes: NameAttribute[] = [];
  for (const set of sets.value) {
    const parts = set.tag === tag.set ? readChildren(set) : err('not a set');
    if (!parts.ok || parts.value.length === 0) return err('a name with an empty part');
    if (!isSorted(parts.value)) return err('a name with a set that is not in order');
    for (const part of parts.value) {
      const attribute = readAttribute(part);
      if (!attribute.ok) return attribute;
      attributes.push(attribute.value);
    }
  }
  return ok(attributes);
}

/** A SET OF stands in the order of its bytes, each once (X.690 section 11.6). */
function isSorted(elements: readonly Element[]): boolean {
  return elements.every((element, index) => {
    const before = elements[index - 1];
    return before === undefined || Buffer.compare(before.whole, element.whole) < 0;
  });
}

function readAttribute(element: Element): Result<NameAttribute, string> {
  const parts = readSequence(element);
  const [type, value, ...others] = parts.ok ? parts.value : [];
  if (type === undefined || value === undefined || others.length > 0) {
    return err('a name with a broken part');
  }
  const id = readOid(type);
  if (!id.ok) return err('a name with a part of no kind');
  if (!isDirectoryText(value)) return err('a name with a part that is no text');
  return ok({ type: id.value, value: Buffer.from(value.content).toString('utf8') });
}

/** The texts that names are written in today; what they hold must be what they say. */
function isDirectoryText({ tag: found, content }: Element): boolean {
  const text = Buffer.from(content).toString('latin1');
  switch (found) {
    case tag.utf8String:
      return isUtf8(content);
    case tag.printableString:
      return /^[A-Za-z0-9 '()+,\-./:=?*&]*$/.test(text);
    case tag.ia5String:
      // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is what the type says.
      return /^[\x00-\x7f]*$/.test(text);
    default:
      return false;
  }
}

/** The attributes of a name that the reader took already. */
export function nameAttributes(der: Uint8Array): readonly NameAttribute[] {
  const element = readOne(der);
  const attributes = element.ok ? readName(element.value) : element;
  return attributes.ok ? attributes.value : [];
}

/** For people: the common name, else the first attribute. What could move a cursor is written as its escape. */
export function nameText(der: Uint8Array): string {
  const attributes = nameAttributes(der);
  const shown = attributes.find(({ type }) => type === oid.commonName) ?? attributes[0];
  return shown === undefined ? 'an empty name' : JSON.stringify(shown.value);
}

// === Alternative names ===

const isVisible = /^[\x21-\x7e]+$/;
/** A scheme, and the characters of RFC 3986 section 2. */
const isUri = /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;

/** Names that are text are visible ASCII: what a C library would cut at a zero byte is refused. */
export function readGeneralNames(value: Element): Result<readonly Element[], string> {
  const names = readSequence(value);
  if (!names.ok) return names;
  if (names.value.length === 0) return err('an alternative name without a name');
  const problem = generalNamesProblem(names.value);
  return problem === undefined ? names : err(problem);
}

export function generalNamesProblem(names: readonly Element[]): string | undefined {
  for (const name of names) {
    const problem = generalNameProblem(name);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** RFC 5280 section 4.2.1.6, but for the two choices that nobody uses. */
function generalNameProblem(name: Element): string | undefined {
  switch (name.tag) {
    case contextTag(6, false):
      return isUri.test(Buffer.from(name.content).toString('latin1'))
        ? undefined
        : 'an alternative name that is no URI';
    case contextTag(1, false):
    case contextTag(2, false):
      return isVisible.test(Buffer.from(name.content).toString('latin1'))
        ? undefined
        : 'an alternative name with characters other than visible ASCII';
    case contextTag(7, false):
      return name.content.length === 4 || name.content.length === 16
        ? undefined
        : 'an alternative name that is no IP address';
    case contextTag(8, false):
      return readOid({ ...name, tag: tag.oid }).ok
        ? undefined
        : 'an alternative name that is no object identifier';
    case contextTag(4, true):
      return directoryNameProblem(name);
    case contextTag(0, true):
      return otherNameProblem(name);
    default:
      return 'an alternative name of no kind';
  }
}

function directoryNameProblem(holder: Element): string | undefined {
  const parts = readChildren(holder);
  const [name, ...others] = parts.ok ? parts.value : [];
  if (name === undefined || others.length > 0) return 'an alternative name of no kind';
  const read = readName(name);
  return read.ok ? undefined : read.error;
}

function otherNameProblem(holder: Element): string | undefined {
  const parts = readChildren(holder);
  const [type, value, ...others] = parts.ok ? parts.value : [];
  const inner = value?.tag === contextTag(0, true) ? readChildren(value) : undefined;
  const isWhole =
    type !== undefined &&
    readOid(type).ok &&
    inner?.ok === true &&
    inner.value.length === 1 &&
    inner.value.every((element) => isWellFormed(element)) &&
    others.length === 0;
  return isWhole ? undefined : 'an alternative name of a broken kind';
}

export function textsOf(names: readonly Element[], choice: number): string[] {
  return names
    .filter((name) => name.tag === contextTag(choice, false))
    .map((name) => Buffer.from(name.content).toString('latin1'));
}
