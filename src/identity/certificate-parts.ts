import { err, ok, type Result } from '../base/result.ts';
import { type Element, readBits, readBoolean, readChildren, readUnsigned, tag } from './der.ts';

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
export function serialProblem(element: Element): string | undefined {
  const value = readUnsigned(element);
  if (!value.ok) return `the serial number is ${value.error}`;
  if (element.content.length > serialBytesMax) {
    return `a serial number of more than ${serialBytesMax} bytes`;
  }
  return value.value.length === 1 && value.value[0] === 0 ? 'the serial number is zero' : undefined;
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
