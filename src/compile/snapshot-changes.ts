import type { Named } from './keep.ts';
import type { Snapshot } from './resource.ts';

/** Whether a proxy that has the one would be sent nothing of the other. */
export function sameVersions(before: Snapshot, after: Snapshot): boolean {
  for (const [typeUrl, resources] of after) {
    if (!sameNamed(before.get(typeUrl), resources)) return false;
  }
  return true;
}

function sameNamed(before: Named | undefined, after: Named): boolean {
  if (before?.size !== after.size) return false;
  const differing = differingNames(before, after);
  const isSame = (name: string): boolean => before.get(name)?.version === after.get(name)?.version;
  if (differing !== undefined) return differing.every(isSame);
  for (const [name, one] of after) if (before.get(name)?.version !== one.version) return false;
  return true;
}

/**
 * The names whose resource is another one than before; undefined when names came, went or moved. Both maps are walked side
 * by side, since they are made in one order: that costs a fraction of looking up each name.
 */
export function differingNames(
  before: Named | undefined,
  now: Named,
): readonly string[] | undefined {
  if (before === now) return [];
  if (before?.size !== now.size) return undefined;
  const names: string[] = [];
  const others = before.values();
  for (const resource of now.values()) {
    const other = others.next().value;
    if (other === resource) continue;
    if (other?.name !== resource.name) return undefined;
    names.push(resource.name);
  }
  return names;
}

/** `Type name` of every resource that was added, changed or (with a minus) removed. */
export function changedResources(before: Snapshot | undefined, after: Snapshot): string[] {
  const changed: string[] = [];
  for (const [typeUrl, resources] of after) {
    const old = before?.get(typeUrl);
    if (old === resources) continue;
    const type = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
    for (const [name, one] of resources) {
      if (old?.get(name)?.version !== one.version) changed.push(`${type} ${name}`);
    }
    for (const name of old?.keys() ?? []) {
      if (!resources.has(name)) changed.push(`-${type} ${name}`);
    }
  }
  return changed;
}
