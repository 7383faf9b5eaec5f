import { create } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import {
  type Matcher_MatcherTree_MatchMap,
  Matcher_MatcherTree_MatchMapSchema,
} from '../gen/xds/type/matcher/v3/matcher_pb.js';

/** Fields of a map's entry, and the map itself, as tags on the wire. */
const keyTag = (1 << 3) | WireType.LengthDelimited;
const valueTag = (2 << 3) | WireType.LengthDelimited;
const mapField = Matcher_MatcherTree_MatchMapSchema.field.map.number;
const mapTag = (mapField << 3) | WireType.LengthDelimited;

interface Entry {
  readonly key: string;
  readonly keyBytes: number;
  readonly value: Uint8Array;
  /** Of key and value with their tags and lengths. */
  readonly bytes: number;
}

/**
 * A map of which the values are encoded already. Most of a large policy is such maps, whose values are few: each is
 * encoded once, and copied. The message carries the bytes as a field that its encoder writes as it is; the bytes are those
 * that it would have made.
 */
export function encodedMap(
  values: ReadonlyMap<string, Uint8Array>,
): Matcher_MatcherTree_MatchMap | undefined {
  const entries = [...values].map(([key, value]) => entryOf(key, value));
  const [first, ...others] = entries;
  if (first === undefined) return undefined;
  const size = others.reduce(
    (sum, { bytes }) => sum + 1 + lengthBytes(bytes) + bytes,
    lengthBytes(first.bytes) + first.bytes,
  );
  const data = Buffer.allocUnsafe(size);
  let at = writeEntry(data, 0, first);
  for (const entry of others) {
    data[at] = mapTag;
    at = writeEntry(data, at + 1, entry);
  }
  const map = create(Matcher_MatcherTree_MatchMapSchema);
  // Without the tag of the first, which is written with it.
  map.$unknown = [{ no: mapField, wireType: WireType.LengthDelimited, data }];
  return map;
}

function entryOf(key: string, value: Uint8Array): Entry {
  const keyBytes = Buffer.byteLength(key);
  const bytes = [keyBytes, value.length].reduce((sum, one) => sum + 1 + lengthBytes(one) + one, 0);
  return { key, keyBytes, value, bytes };
}

function writeEntry(data: Buffer, start: number, { key, keyBytes, value, bytes }: Entry): number {
  let at = writeLength(data, start, bytes);
  data[at] = keyTag;
  at = writeLength(data, at + 1, keyBytes);
  at += data.write(key, at);
  data[at] = valueTag;
  at = writeLength(data, at + 1, value.length);
  data.set(value, at);
  return at + value.length;
}

function lengthBytes(length: number): number {
  let bytes = 1;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) bytes += 1;
  return bytes;
}

/** A varint. */
function writeLength(data: Buffer, start: number, length: number): number {
  let at = start;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) {
    data[at] = (rest & 0x7f) | 0x80;
    at += 1;
  }
  data[at] = rest;
  return at + 1;
}
