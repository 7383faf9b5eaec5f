import { BinaryReader, BinaryWriter, type WireType } from '@bufbuild/protobuf/wire';
import { GrpcError, grpcStatus } from './status.ts';

/**
 * A field of a message: its number and what it holds. `[]` repeats; a map is one of strings.
 *
 * The generated types are exact and heavy: their descriptors cost an agent 25 MB and a third of its start. An agent
 * speaks a dozen messages, so it has them as tables, which tests hold to the generated ones, byte for byte.
 */
type Field =
  | readonly [number, 'string' | 'bytes' | 'uint32' | 'string[]']
  | readonly [number, 'map of string' | 'map of bytes']
  | readonly [number, 'message' | 'message[]', Fields];

export type Fields = { readonly [name: string]: Field };

export type Message<F extends Fields> = { readonly [Name in keyof F]: Value<F[Name]> };

type Value<F extends Field> = F extends readonly [number, 'message', infer Inner extends Fields]
  ? Message<Inner> | undefined
  : F extends readonly [number, 'message[]', infer Inner extends Fields]
    ? readonly Message<Inner>[]
    : F[1] extends keyof Values
      ? Values[F[1]]
      : never;

interface Values {
  readonly string: string;
  readonly bytes: Uint8Array;
  readonly uint32: number;
  readonly 'string[]': readonly string[];
  readonly 'map of string': ReadonlyMap<string, string>;
  readonly 'map of bytes': ReadonlyMap<string, Uint8Array>;
}

const varint: WireType.Varint = 0;
const lengthDelimited: WireType.LengthDelimited = 2;

/** What is left out has its default, as in proto3. */
export function encode<F extends Fields>(fields: F, message: Partial<Message<F>>): Uint8Array {
  const writer = new BinaryWriter();
  write(writer, fields, message);
  return writer.finish();
}

function write(writer: BinaryWriter, fields: Fields, message: Readonly<Record<string, unknown>>) {
  for (const [name, field] of Object.entries(fields)) {
    const value = message[name];
    if (value !== undefined) writeField(writer, field, value);
  }
}

function writeField(writer: BinaryWriter, field: Field, value: unknown): void {
  const [number, kind, inner = {}] = field;
  const part = (fields: Fields, content: object): void => {
    writer.tag(number, lengthDelimited).fork();
    write(writer, fields, content as Readonly<Record<string, unknown>>);
    writer.join();
  };
  switch (kind) {
    case 'string':
      if (value !== '') writer.tag(number, lengthDelimited).string(value as string);
      break;
    case 'bytes':
      if ((value as Uint8Array).length > 0) {
        writer.tag(number, lengthDelimited).bytes(value as Uint8Array);
      }
      break;
    case 'uint32':
      if (value !== 0) writer.tag(number, varint).uint32(value as number);
      break;
    case 'string[]':
      for (const one of value as string[]) writer.tag(number, lengthDelimited).string(one);
      break;
    case 'map of string':
    case 'map of bytes':
      for (const [key, one] of value as ReadonlyMap<string, unknown>) {
        part(kind === 'map of string' ? stringEntry : bytesEntry, { key, value: one });
      }
      break;
    case 'message':
      part(inner, value as object);
      break;
    case 'message[]':
      for (const one of value as object[]) part(inner, one);
      break;
  }
}

/** Throws INVALID_ARGUMENT for bytes that are no such message: whoever sent them will not do better with the next. */
export function decode<F extends Fields>(fields: F, bytes: Uint8Array): Message<F> {
  try {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return read(fields, { bytes: view, at: 0, end: view.length }, depthMax) as Message<F>;
  } catch {
    throw new GrpcError(grpcStatus.invalidArgument, 'the bytes are not the message of this call');
  }
}

/** No message of ours holds others deeper than this. */
const depthMax = 8;
const stringEntry = { key: [1, 'string'], value: [2, 'string'] } as const;
const bytesEntry = { key: [1, 'string'], value: [2, 'bytes'] } as const;

const emptyOf = {
  string: () => '',
  bytes: () => new Uint8Array(),
  uint32: () => 0,
  'string[]': () => [],
  'map of string': () => new Map(),
  'map of bytes': () => new Map(),
  message: () => undefined,
  'message[]': () => [],
} as const;

/** Where the reading of one message stands. One view of the bytes for it and all inside: no copies, no sub-readers. */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
  /** Of the message that is being read. */
  end: number;
}

function read(fields: Fields, cursor: Cursor, depth: number): Record<string, unknown> {
  if (depth === 0) throw new Error('the message is too deep');
  const message: Record<string, unknown> = {};
  const byNumber = numbered(fields);
  for (const [name, [, kind]] of byNumber.values()) message[name] = emptyOf[kind]();
  while (cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    const known = byNumber.get(tag >>> 3);
    const wireType = tag & 7;
    if (known === undefined || wireType !== (known[1][1] === 'uint32' ? varint : lengthDelimited)) {
      skip(cursor, tag);
    } else readField(cursor, known[1], message, known[0], depth);
  }
  if (cursor.at !== cursor.end) throw new Error('a field is longer than its message');
  return message;
}

/** The message of the length that comes next. */
function readPart(fields: Fields, cursor: Cursor, depth: number): Record<string, unknown> {
  const { end } = cursor;
  cursor.end = endOfPart(cursor);
  const message = read(fields, cursor, depth);
  cursor.end = end;
  return message;
}

/** Reads the length that comes next. */
export function endOfPart(cursor: Cursor): number {
  const length = readVarint(cursor);
  const end = cursor.at + length;
  if (end > cursor.end) throw new Error('a field is longer than its message');
  return end;
}

/** The low 32 bits: tags, lengths and uint32 have no more. */
export function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (cursor.at >= cursor.end) throw new Error('a varint is cut');
    const byte = cursor.bytes[cursor.at++] ?? 0;
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new Error('a varint is longer than ten bytes');
}

function readText(cursor: Cursor): string {
  const end = endOfPart(cursor);
  const { bytes, at } = cursor;
  cursor.at = end;
  const text = bytes.toString('utf8', at, end);
  // What is no UTF-8 comes out as this character; so does the character itself.
  if (text.includes('\ufffd')) strictUtf8.decode(bytes.subarray(at, end));
  return text;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Of the field with this tag, whatever it is. */
export function skip(cursor: Cursor, tag: number): void {
  if (tag >>> 3 === 0) throw new Error('no field has the number 0');
  if ((tag & 7) === lengthDelimited) {
    cursor.at = endOfPart(cursor);
    return;
  }
  const reader = new BinaryReader(cursor.bytes.subarray(cursor.at, cursor.end));
  reader.skip(tag & 7, tag >>> 3);
  cursor.at += reader.pos;
}

type Numbered = ReadonlyMap<number, readonly [name: string, field: Field]>;
const known = new WeakMap<Fields, Numbered>();

function numbered(fields: Fields): Numbered {
  const before = known.get(fields);
  if (before !== undefined) return before;
  const made = new Map(
    Object.entries(fields).map((entry): [number, readonly [string, Field]] => [entry[1][0], entry]),
  );
  known.set(fields, made);
  return made;
}

function readField(
  cursor: Cursor,
  [, kind, inner = {}]: Field,
  message: Record<string, unknown>,
  name: string,
  depth: number,
): void {
  switch (kind) {
    case 'string':
      message[name] = readText(cursor);
      break;
    case 'bytes':
      message[name] = readBytes(cursor);
      break;
    case 'uint32':
      message[name] = readVarint(cursor);
      break;
    case 'string[]':
      (message[name] as string[]).push(readText(cursor));
      break;
    case 'map of string':
    case 'map of bytes': {
      const entry = kind === 'map of string' ? stringEntry : bytesEntry;
      const { key, value } = readPart(entry, cursor, depth - 1);
      (message[name] as Map<unknown, unknown>).set(key, value);
      break;
    }
    case 'message':
      message[name] = readPart(inner, cursor, depth - 1);
      break;
    case 'message[]':
      (message[name] as unknown[]).push(readPart(inner, cursor, depth - 1));
      break;
  }
}

function readBytes(cursor: Cursor): Uint8Array {
  const end = endOfPart(cursor);
  const { buffer, byteOffset } = cursor.bytes;
  const bytes = new Uint8Array(buffer, byteOffset + cursor.at, end - cursor.at);
  cursor.at = end;
  return bytes;
}
