import { err, ok, type Result } from '../base/result.ts';

/** Tags of the universal class that certificates use, with the constructed bit where it belongs. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `[n]` of the context class; constructed unless it holds a primitive. */
export function contextTag(number: number, constructed: boolean): number {
  return 0x80 | (constructed ? 0x20 : 0) | number;
}

// === Writing ===

/** In one piece of memory: a certificate is some forty elements, and a control plane writes thousands a second. */
export function write(tagByte: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const content of contents) length += content.length;
  const lengthBytes = length < 0x80 ? 0 : Math.ceil((32 - Math.clz32(length)) / 8);
  const written = Buffer.allocUnsafe(2 + lengthBytes + length);
  written[0] = tagByte;
  written[1] = lengthBytes === 0 ? length : 0x80 | lengthBytes;
  if (lengthBytes > 0) written.writeUIntBE(length, 2, lengthBytes);
  let at = 2 + lengthBytes;
  for (const content of contents) {
    written.set(content, at);
    at += content.length;
  }
  return written;
}

/** The few identifiers that certificates are made of, as they are written. */
const writtenOids = new Map<string, Uint8Array>();
const writtenOidsMax = 100;

export function writeOid(dotted: string): Uint8Array {
  const known = writtenOids.get(dotted);
  if (known !== undefined) return known;
  const written = encodeOid(dotted);
  if (writtenOids.size < writtenOidsMax) writtenOids.set(dotted, written);
  return written;
}

function encodeOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return write(tag.oid, Uint8Array.from(bytes));
}

/** A non-negative integer from its big-endian bytes, in the fewest octets (X.690 section 8.3.2). */
export function writeUnsigned(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.subarray(start);
  const negative = ((trimmed[0] ?? 0) & 0x80) !== 0;
  return negative
    ? write(tag.integer, Uint8Array.of(0), trimmed)
    : write(tag.integer, trimmed.length === 0 ? Uint8Array.of(0) : trimmed);
}

export function writeBitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return write(tag.bitString, Uint8Array.of(unusedBits), bytes);
}

export function writeText(tagByte: number, text: string): Uint8Array {
  return write(tagByte, Buffer.from(text, 'utf8'));
}

/** Those of one second and one lifetime are the same for all that is signed in it. */
const writtenTimes = new Map<number, Uint8Array>();
const writtenTimesMax = 64;

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). Whole seconds. */
export function writeTime(atMs: number): Uint8Array {
  const second = Math.floor(atMs / 1_000);
  const known = writtenTimes.get(second);
  if (known !== undefined) return known;
  const written = encodeTime(second * 1_000);
  const [oldest] = writtenTimes.keys();
  if (writtenTimes.size >= writtenTimesMax && oldest !== undefined) writtenTimes.delete(oldest);
  writtenTimes.set(second, written);
  return written;
}

function encodeTime(atMs: number): Uint8Array {
  const digits = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050
    ? writeText(tag.utcTime, digits.slice(2))
    : writeText(tag.generalizedTime, digits);
}

// === Reading ===

/** One element. `content` excludes the header, `whole` includes it; both are views of the input. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** No certificate that we issue or accept comes near it. */
const inputBytesMax = 64 * 1024;

/** Exactly one element, nothing behind it. */
export function readOne(bytes: Uint8Array): Result<Element, string> {
  if (bytes.length > inputBytesMax) return err(`more than ${inputBytesMax} bytes`);
  const element = readElement(bytes, 0);
  if (!element.ok) return element;
  return element.value.whole.length === bytes.length
    ? element
    : err('bytes follow the outermost element');
}

/** The elements inside a constructed one, all of them. */
export function readChildren(parent: Element): Result<readonly Element[], string> {
  if ((parent.tag & 0x20) === 0) return err('the element is not constructed');
  const children: Element[] = [];
  for (let offset = 0; offset < parent.content.length; ) {
    const child = readElement(parent.content, offset);
    if (!child.ok) return child;
    children.push(child.value);
    offset += child.value.whole.length;
  }
  return ok(children);
}

/** Definite lengths in their shortest form only (X.690 section 10.1); low tag numbers only. */
function readElement(bytes: Uint8Array, offset: number): Result<Element, string> {
  const tagByte = bytes[offset];
  const first = bytes[offset + 1];
  if (tagByte === undefined || first === undefined) return err('the element is cut off');
  if ((tagByte & 0x1f) === 0x1f) return err('a tag number above 30');
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3) return err('an indefinite or overlong length');
    length = 0;
    for (let index = 0; index < count; index += 1) {
      const byte = bytes[start + index];
      if (byte === undefined) return err('the length is cut off');
      length = length * 256 + byte;
    }
    start += count;
    if (length < 0x80 || length < 256 ** (count - 1)) return err('a length that is not minimal');
  }
  const end = start + length;
  if (end > bytes.length) return err('the element is cut off');
  return ok({
    tag: tagByte,
    content: bytes.subarray(start, end),
    whole: bytes.subarray(offset, end),
  });
}

/** Nothing in a certificate is nested deeper. */
const depthMax = 16;

/** All the way down: constructed elements hold whole elements, and primitives of the universal class what they say. */
export function isWellFormed(element: Element, depth = 0): boolean {
  const isConstructed = (element.tag & 0x20) !== 0;
  const isUniversal = (element.tag & 0xc0) === 0;
  const isHolder = element.tag === tag.sequence || element.tag === tag.set;
  if (isUniversal && isConstructed !== isHolder) return false;
  if (!isConstructed) return isWellFormedPrimitive(element);
  const children = depth < depthMax ? readChildren(element) : err('nested too deeply');
  return children.ok && children.value.every((child) => isWellFormed(child, depth + 1));
}

function isWellFormedPrimitive(element: Element): boolean {
  switch (element.tag) {
    case 0x00:
    case 0x10:
    case 0x11:
      // The end of contents, and holders that are not constructed.
      return false;
    case tag.boolean:
      return readBoolean(element).ok;
    case tag.integer:
      return isMinimalInteger(element.content);
    case tag.bitString:
      return readBits(element).ok;
    case tag.null:
      return element.content.length === 0;
    case tag.oid:
      return readOid(element).ok;
    default:
      return true;
  }
}

/** In the fewest octets (X.690 section 8.3.2). */
function isMinimalInteger(content: Uint8Array): boolean {
  const [first, second] = content;
  if (first === undefined) return false;
  if (second === undefined) return true;
  const sign = second & 0x80;
  return !((first === 0 && sign === 0) || (first === 0xff && sign !== 0));
}

/** The magnitude of an INTEGER that is not negative, without the zero that only holds the sign. */
export function readUnsigned(element: Element): Result<Uint8Array, string> {
  const { content } = element;
  if (element.tag !== tag.integer || !isMinimalInteger(content)) return err('not an integer');
  if (((content[0] ?? 0) & 0x80) !== 0) return err('an integer that is negative');
  return ok(content.length > 1 && content[0] === 0 ? content.subarray(1) : content);
}

/** Readers that hold arcs in 32 bits would take a larger one for another. */
const arcMax = 2 ** 31 - 1;

export function readOid(element: Element): Result<string, string> {
  const { content } = element;
  if (element.tag !== tag.oid || content.length === 0) return err('not an object identifier');
  const arcs: number[] = [];
  let arc = 0;
  for (const [index, byte] of content.entries()) {
    if (arc === 0 && byte === 0x80) return err('an object identifier that is not minimal');
    arc = arc * 128 + (byte & 0x7f);
    if (arc > arcMax) return err('an object identifier with an arc above 31 bits');
    if ((byte & 0x80) !== 0) {
      if (index === content.length - 1) return err('an object identifier that is cut off');
      continue;
    }
    arcs.push(arc);
    arc = 0;
  }
  const [first = 0, ...rest] = arcs;
  const top = Math.min(Math.floor(first / 40), 2);
  return ok([top, first - top * 40, ...rest].join('.'));
}

/** The bytes of a BIT STRING that ends on a byte boundary, or with its unused bits zero. */
export function readBits(
  element: Element,
): Result<{ readonly bytes: Uint8Array; readonly unused: number }, string> {
  const unused = element.content[0];
  if (element.tag !== tag.bitString || unused === undefined || unused > 7)
    return err('not a bit string');
  const bytes = element.content.subarray(1);
  const last = bytes.at(-1);
  if (last === undefined) return unused === 0 ? ok({ bytes, unused }) : err('not a bit string');
  if ((last & ((1 << unused) - 1)) !== 0) return err('unused bits that are not zero');
  return ok({ bytes, unused });
}

export function readBoolean(element: Element): Result<boolean, string> {
  const [value] = element.content;
  if (element.tag !== tag.boolean || element.content.length !== 1) return err('not a boolean');
  if (value !== 0 && value !== 0xff) return err('a boolean that is neither 00 nor ff');
  return ok(value === 0xff);
}

/** Milliseconds since the epoch. Only the `Z` forms with seconds that RFC 5280 allows. */
export function readTime(element: Element): Result<number, string> {
  const { content } = element;
  const short = element.tag === tag.utcTime && content.length === 13;
  const long = element.tag === tag.generalizedTime && content.length === 15;
  if ((!short && !long) || !isDigitsAndZ(content)) return err('not a time of RFC 5280');
  const pair = (at: number): number => (content[at] ?? 0) * 10 + (content[at + 1] ?? 0) - 0x30 * 11;
  const shortYear = pair(0) < 50 ? 2000 + pair(0) : 1900 + pair(0);
  const year = short ? shortYear : pair(0) * 100 + pair(2);
  // Until 2049 there is one way to write a time (RFC 5280 section 4.1.2.5).
  if (long && year < 2050) return err('a time before 2050 in the long form');
  const at = short ? 2 : 4;
  const [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map((more) => pair(at + more)) as Five;
  const atMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(atMs);
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isDay || hour > 23 || minute > 59 || second > 59) return err('a time that does not exist');
  return ok(atMs);
}

type Five = [number, number, number, number, number];

function isDigitsAndZ(content: Uint8Array): boolean {
  const last = content.length - 1;
  return content.every((byte, at) => (at === last ? byte === 0x5a : byte >= 0x30 && byte <= 0x39));
}
