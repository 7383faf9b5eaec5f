import type { JsonValue } from '@bufbuild/protobuf';
import { type Snapshot, shortType } from '../../src/compile/resource.ts';
import { resourceJson } from '../../src/explain/resource-json.ts';

/** A snapshot as a person reads it: short type name, resource name, message. */
export function snapshotJson(snapshot: Snapshot): Record<string, Record<string, JsonValue>> {
  const readable: Record<string, Record<string, JsonValue>> = {};
  for (const [typeUrl, resources] of snapshot) {
    if (resources.size === 0) continue;
    const type = shortType(typeUrl);
    const messages = [...resources].map(([name, { bytes }]) => [name, resourceJson(type, bytes)]);
    readable[type] = Object.fromEntries(messages);
  }
  return readable;
}
