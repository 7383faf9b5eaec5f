import { err, ok, type Result } from '../base/result.ts';
import { type Element, readBits, readBoolean, readChildren, readOid, tag } from './der.ts';

/** The elements of a SEQUENCE, and of nothing else. */
export function readSequence(element: Element): Result<readonly Element[], string> {
  return element.tag === tag.sequence ? readChildren(element) : err('not a sequence');
}

/** A BOOLEAN whose default is FALSE stands there only as TRUE (X.690 section 11.5). */
export function readTrue(element: Element): Result<boolean, string> {
  const value = readBoolean(element);
  return value.ok && !value.value ? err('a default that is written out') : value;
}

const serialBytesMax = 20;

/** Positive, in the fewest octets, at most 20 of them (RFC 5280 section 4.1.2.2). */
export function serialProblem({ tag: found, content }: Element): string | undefined {
  const [first = 0, second = 0] = content;
  if (found !== tag.integer || content.length === 0) return 'the serial number is no number';
  if ((first & 0x80) !== 0) return 'the serial number is negative';
  if (content.length > serialBytesMax)
    return `a serial number of more than ${serialBytesMax} bytes`;
  if (first === 0 && content.length === 1) return 'the serial number is zero';
  return first === 0 && (second & 0x80) === 0 ? 'a serial number that is not minimal' : undefined;
}

/** A name is a sequence of sets of attributes, each an identifier and a value. */
export function nameProblem(element: Element): string | undefined {
  const sets = readSequence(element);
  if (!sets.ok) return 'a name that is no sequence';
  for (const set of sets.value) {
    const attributes = set.tag === tag.set ? readChildren(set) : err('not a set');
    if (!attributes.ok || attributes.value.length === 0) return 'a name with an empty part';
    for (const attribute of attributes.value) {
      const parts = readSequence(attribute);
      if (!parts.ok || parts.value.length !== 2) return 'a name with a broken part';
      const [type] = parts.value;
      if (type === undefined || !readOid(type).ok) return 'a name with a part of no kind';
    }
  }
  return undefined;
}

/** Whether the key itself is good is for whoever uses it. */
export function spkiProblem(element: Element): string | undefined {
  const parts = readSequence(element);
  if (!parts.ok || parts.value.length !== 2) return 'a public key has two parts';
  const [algorithm, key] = parts.value;
  if (algorithm === undefined || key === undefined) return 'a public key has two parts';
  const named = readSequence(algorithm);
  const [type, , ...others] = named.ok ? named.value : [];
  if (type === undefined || !readOid(type).ok || others.length > 0) {
    return 'a public key of no algorithm';
  }
  const bits = readBits(key);
  return bits.ok && bits.value.unused === 0 && bits.value.bytes.length > 0
    ? undefined
    : 'a public key that is not whole bytes';
}

const namedBitsMax = 9;

/** A list of named bits, bit n of the result being named bit n. Zeros at its end are not written (X.690 section 11.2.2). */
export function readNamedBits(element: Element): Result<number, string> {
  const read = readBits(element);
  if (!read.ok) return read;
  const { bytes, unused } = read.value;
  const count = bytes.length * 8 - unused;
  const last = bytes.at(-1) ?? 0;
  if (count === 0 || count > namedBitsMax) return err('a key usage of no or too many bits');
  if ((last & (1 << unused)) === 0) return err('a key usage that ends with a zero');
  let bits = 0;
  for (let bit = 0; bit < count; bit += 1) {
    if (((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) bits |= 1 << bit;
  }
  return ok(bits);
}
