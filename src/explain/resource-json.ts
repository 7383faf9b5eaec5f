import { type DescMessage, fromBinary, type JsonValue, toJson } from '@bufbuild/protobuf';
import { anyTypes, resourceSchemas } from '../compile/message-types.ts';
import { shortType, typeUrls } from '../compile/resource.ts';

const byShortType: ReadonlyMap<string, DescMessage> = new Map(
  Object.values(typeUrls).map((typeUrl) => [shortType(typeUrl), resourceSchemas[typeUrl]]),
);

/** A resource as a person reads it; by the short name of its type. */
export function resourceJson(type: string, bytes: Uint8Array): JsonValue {
  const schema = byShortType.get(type);
  if (schema === undefined) throw new Error(`there is no type ${type}`);
  return toJson(schema, fromBinary(schema, bytes), { registry: anyTypes });
}
