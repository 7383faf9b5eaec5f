import { err, ok, type Result } from '../../base/result.ts';
import { tag, write } from '../der.ts';

/** A document with its signature and certificates is 2 to 4 KiB. */
const inputBytesMax = 32 * 1_024;
const depthMax = 16;
const lengthBytesMax = 3;
const constructedBit = 0x20;
const constructedOctets = 0x24;

interface Node {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Where the next element begins. */
  readonly end: number;
}

/**
 * The same value in definite, shortest lengths and with strings in one piece, so that the strict reader reads it. Signers that
 * write while they go (PKCS#7 of the nineties) leave lengths open and strings in pieces. Never throws.
 */
export function derFromBer(bytes: Uint8Array): Result<Uint8Array, string> {
  if (bytes.length > inputBytesMax) return err(`more than ${inputBytesMax} bytes`);
  const node = readNode(bytes, 0, 0);
  if (node === undefined) return err('a value that is cut off, nested too deeply or not BER');
  return node.end === bytes.length
    ? ok(write(node.tag, node.content))
    : err('bytes follow the outermost element');
}

function readNode(bytes: Uint8Array, offset: number, depth: number): Node | undefined {
  const tagByte = bytes[offset];
  const first = bytes[offset + 1];
  if (tagByte === undefined || first === undefined || depth > depthMax) return undefined;
  // The end of an open length is no element, and tags above 30 have no use here.
  if (tagByte === 0 || (tagByte & 0x1f) === 0x1f) return undefined;
  const constructed = (tagByte & constructedBit) !== 0;
  if (first === 0x80)
    return constructed ? joined({ tagByte, depth, open: true }, bytes, offset + 2) : undefined;
  const length = readLength(bytes, offset + 1, first);
  if (length === undefined || length.start + length.value > bytes.length) return undefined;
  const end = length.start + length.value;
  if (!constructed) return { tag: tagByte, content: bytes.subarray(length.start, end), end };
  return joined({ tagByte, depth, open: false }, bytes.subarray(0, end), length.start);
}

function readLength(
  bytes: Uint8Array,
  offset: number,
  first: number,
): { readonly value: number; readonly start: number } | undefined {
  if (first < 0x80) return { value: first, start: offset + 1 };
  const count = first & 0x7f;
  if (count > lengthBytesMax) return undefined;
  const digits = bytes.subarray(offset + 1, offset + 1 + count);
  if (digits.length < count) return undefined;
  return {
    value: digits.reduce((sum, digit) => sum * 256 + digit, 0),
    start: offset + 1 + count,
  };
}

/** `open`: the parts go up to two zeros, else up to the end of `bytes`. */
function joined(
  {
    tagByte,
    depth,
    open,
  }: { readonly tagByte: number; readonly depth: number; readonly open: boolean },
  bytes: Uint8Array,
  start: number,
): Node | undefined {
  const parts: Node[] = [];
  let offset = start;
  for (;;) {
    if (!open && offset === bytes.length) break;
    if (open && bytes[offset] === 0 && bytes[offset + 1] === 0) {
      offset += 2;
      break;
    }
    const part = readNode(bytes, offset, depth + 1);
    if (part === undefined) return undefined;
    parts.push(part);
    offset = part.end;
  }
  if (tagByte !== constructedOctets) {
    const content = Buffer.concat(parts.map((part) => write(part.tag, part.content)));
    return { tag: tagByte, content, end: offset };
  }
  if (parts.some((part) => part.tag !== tag.octetString)) return undefined;
  const content = Buffer.concat(parts.map((part) => part.content));
  return { tag: tag.octetString, content, end: offset };
}
