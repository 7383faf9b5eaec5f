import type { Resource, Snapshot, TypeUrl } from '../../compile/resource.ts';
import { presentOf } from './sequencer.ts';
import type { TypeState } from './type-state.ts';

/**
 * Names of clusters that do not exist, remembered per stream so that they are sent when they come to exist (rule
 * B11). An Envoy never gives up a name that it asked for on demand, and any request of its application can make it
 * ask for one.
 */
const unknownNamesMax = 1_000;

export const nothingOnDemand: Snapshot = new Map();

/**
 * What a stream is to have: the snapshot, and of what its proxy may ask for by name that which it asked for (rule
 * I2). The very same object as the snapshot when that is nothing.
 */
export function withAskedFor(
  snapshot: Snapshot,
  onDemand: Snapshot,
  types: ReadonlyMap<TypeUrl, TypeState>,
): Snapshot {
  let merged: Map<TypeUrl, ReadonlyMap<string, Resource>> | undefined;
  for (const [type, offered] of onDemand) {
    const present = presentOf(snapshot, type);
    const extra: [string, Resource][] = [];
    for (const name of types.get(type)?.names ?? []) {
      const resource = present.has(name) ? undefined : offered.get(name);
      if (resource !== undefined) extra.push([name, resource]);
    }
    if (extra.length === 0) continue;
    merged ??= new Map(snapshot);
    merged.set(type, new Map([...present, ...extra]));
  }
  return merged ?? snapshot;
}

/** Which of the names asked for are remembered; the others are answered once, like any that does not exist. */
export function rememberable(
  asked: readonly string[],
  remembered: ReadonlySet<string>,
  exists: (name: string) => boolean,
): { readonly kept: readonly string[]; readonly denied: readonly string[] } {
  const kept: string[] = [];
  const denied: string[] = [];
  let unknown = [...remembered].filter((name) => !exists(name)).length;
  for (const name of asked) {
    const isKnown = name === '*' || remembered.has(name) || exists(name);
    if (!isKnown) unknown += 1;
    (isKnown || unknown <= unknownNamesMax ? kept : denied).push(name);
  }
  return { kept, denied };
}
