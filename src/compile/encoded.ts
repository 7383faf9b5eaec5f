/**
 * A message that is encoded already, or of which it is known how long it is and what stands in it. A message around it is
 * made of such parts and written once, at its final length, however deep it is: an encoder would grow a buffer and copy.
 */
export type Encoded = Uint8Array | Unwritten;

export interface Unwritten {
  readonly length: number;
  readonly writeTo: (target: Buffer, at: number) => void;
}

/** The parts of one message, in the order of its field numbers, as the encoder writes them. */
export function joined(parts: readonly Encoded[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(lengthOf(parts));
  writeAll(bytes, 0, parts);
  return bytes;
}

/** A message or bytes as a field of the message around it: tag, length, content. */
export function embedded(field: number, content: readonly Encoded[]): Unwritten {
  const tag = ((field << 3) | lengthDelimited) >>> 0;
  const length = lengthOf(content);
  const head = varintBytes(tag) + varintBytes(length);
  return {
    length: head + length,
    writeTo: (target, at) =>
      writeAll(target, writeVarint(target, writeVarint(target, at, tag), length), content),
  };
}

export function embeddedText(field: number, text: string): Unwritten {
  return embedded(field, [Buffer.from(text)]);
}

/** The wire type of what has its length before it. */
export const lengthDelimited = 2;

function lengthOf(parts: readonly Encoded[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

function writeAll(target: Buffer, start: number, parts: readonly Encoded[]): void {
  let at = start;
  for (const part of parts) {
    if (part instanceof Uint8Array) target.set(part, at);
    else part.writeTo(target, at);
    at += part.length;
  }
}

export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes += 1;
  return bytes;
}

/** Where the next byte goes. */
export function writeVarint(target: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) {
    target[at] = (rest & 0x7f) | 0x80;
    at += 1;
  }
  target[at] = rest;
  return at + 1;
}
