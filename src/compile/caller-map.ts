import { Matcher_MatcherTree_MatchMapSchema } from '../gen/xds/type/matcher/v3/matcher_pb.js';
import { lengthDelimited, varintBytes, writeVarint } from './encoded.ts';

/** Fields of a map's entry, and the map itself, as tags on the wire. */
const keyTag = (1 << 3) | lengthDelimited;
const valueTag = (2 << 3) | lengthDelimited;
const mapTag = (Matcher_MatcherTree_MatchMapSchema.field.map.number << 3) | lengthDelimited;

/**
 * A map of which the values are encoded already, as the message that its encoder would have made. Most of a large policy
 * is such maps, whose values are few: each is encoded once, and copied. Undefined for a map without entries.
 */
export function encodedMap<Value>(
  entries: ReadonlyMap<string, Value>,
  encoded: (value: Value) => Uint8Array,
): Uint8Array | undefined {
  if (entries.size === 0) return undefined;
  let size = 0;
  for (const [key, value] of entries)
    size += 1 + prefixed(entryBytes(Buffer.byteLength(key), encoded(value)));
  const data = Buffer.allocUnsafe(size);
  let at = 0;
  for (const [key, value] of entries) {
    data[at] = mapTag;
    at = writeEntry(data, at + 1, key, encoded(value));
  }
  return data;
}

/** Of key and value with their tags and lengths. */
function entryBytes(keyBytes: number, value: Uint8Array): number {
  return 1 + prefixed(keyBytes) + 1 + prefixed(value.length);
}

/** So many bytes with their length before them. */
function prefixed(length: number): number {
  return varintBytes(length) + length;
}

function writeEntry(data: Buffer, start: number, key: string, value: Uint8Array): number {
  const keyBytes = Buffer.byteLength(key);
  let at = writeVarint(data, start, entryBytes(keyBytes, value));
  data[at] = keyTag;
  at = writeVarint(data, at + 1, keyBytes);
  at += data.write(key, at);
  data[at] = valueTag;
  at = writeVarint(data, at + 1, value.length);
  data.set(value, at);
  return at + value.length;
}
