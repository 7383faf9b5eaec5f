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

/**
 * A map of which the values are encoded already. Most of a large policy is such maps, whose values are few: each is
 * encoded once, and copied. The message carries the bytes as a field that its encoder writes as it is; the bytes are those
 * that it would have made. Undefined for a map without entries.
 */
export function encodedMap<Value>(
  entries: ReadonlyMap<string, Value>,
  encoded: (value: Value) => Uint8Array,
): Matcher_MatcherTree_MatchMap | undefined {
  if (entries.size === 0) return undefined;
  let size = 0;
  for (const [key, value] of entries) size += 1 + prefixed(entryBytes(key, encoded(value)));
  const data = Buffer.allocUnsafe(size);
  let at = 0;
  for (const [key, value] of entries) {
    data[at] = mapTag;
    at = writeEntry(data, at + 1, key, encoded(value));
  }
  const map = create(Matcher_MatcherTree_MatchMapSchema);
  // The tag of the first is written with the field.
  map.$unknown = [{ no: mapField, wireType: WireType.LengthDelimited, data: data.subarray(1) }];
  return map;
}

/** Of key and value with their tags and lengths. */
function entryBytes(key: string, value: Uint8Array): number {
  return 1 + prefixed(Buffer.byteLength(key)) + 1 + prefixed(value.length);
}

/** So many bytes with their length before them. */
function prefixed(length: number): number {
  let bytes = 1;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) bytes += 1;
  return bytes + length;
}

function writeEntry(data: Buffer, start: number, key: string, value: Uint8Array): number {
  let at = writeLength(data, start, entryBytes(key, value));
  data[at] = keyTag;
  at = writeLength(data, at + 1, Buffer.byteLength(key));
  at += data.write(key, at);
  data[at] = valueTag;
  at = writeLength(data, at + 1, value.length);
  data.set(value, at);
  return at + value.length;
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
