import type { WorkloadId } from '../compile/inventory.ts';
import { type Resource, type Snapshot, shortType } from '../compile/resource.ts';
import { causeOf, type Files, type Place } from './cause.ts';
import { type FieldChange, fieldChanges } from './field-changes.ts';
import { resourceJson } from './resource-json.ts';

/** What one side has of a resource. */
export interface ResourceSide {
  /** Where it is not the same for all that is compared, it stands with each. */
  readonly version?: string | undefined;
  /** The line that is to blame for the difference, of that side's commit. */
  readonly at: Place | undefined;
  /** Where the commit is not the same for all that is compared. */
  readonly commit?: string | undefined;
}

/** One resource that is otherwise, or on one side only. */
export interface ResourceChange {
  readonly type: string;
  readonly name: string;
  readonly before: ResourceSide | undefined;
  readonly after: ResourceSide | undefined;
  readonly fields: readonly FieldChange[];
}

/** The same change for several proxies, whose whole resources may well differ otherwise. */
interface SharedChange extends ResourceChange {
  readonly proxies: readonly ChangedProxy[];
}

/** A proxy that gets another version of a resource, and which. */
interface ChangedProxy {
  readonly proxy: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What a commit makes of an inventory, and the files that it was made of. */
export interface RevisionSide {
  readonly snapshots: ReadonlyMap<WorkloadId, Snapshot>;
  readonly files: Files;
}

export interface RevisionDiff {
  readonly proxies: {
    readonly changed: readonly string[];
    /** Of services and versions that only one side has. */
    readonly added: readonly string[];
    readonly gone: readonly string[];
    readonly same: number;
  };
  readonly resources: readonly SharedChange[];
}

/** What changes for each proxy from one revision to another. Pure: neither needs to have run. */
export function revisionDiff(before: RevisionSide, after: RevisionSide): RevisionDiff {
  const ids = [...new Set([...before.snapshots.keys(), ...after.snapshots.keys()])].sort();
  const pairs = new Map<string, Pair>();
  const files = { before: before.files, after: after.files };
  const changed = ids.filter((id) => {
    const [old, now] = [before.snapshots.get(id), after.snapshots.get(id)];
    if (old === undefined || now === undefined) return false;
    const own = pairsOf(old, now);
    for (const pair of own) {
      const known = pairs.get(pair.key) ?? { ...pair, proxies: [] };
      pairs.set(pair.key, { ...known, proxies: [...known.proxies, id] });
    }
    return own.length > 0;
  });
  const added = ids.filter((id) => !before.snapshots.has(id));
  const gone = ids.filter((id) => !after.snapshots.has(id));
  const same = ids.length - changed.length - added.length - gone.length;
  const changes = [...pairs.values()]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map((pair) => changeOf(pair, files));
  return { proxies: { changed, added, gone, same }, resources: merged(changes) };
}

interface Pair {
  readonly key: string;
  readonly before: Resource | undefined;
  readonly after: Resource | undefined;
  readonly proxies: readonly string[];
}

function pairsOf(old: Snapshot, now: Snapshot): Pair[] {
  const pairs: Pair[] = [];
  for (const type of new Set([...old.keys(), ...now.keys()])) {
    const [was, is] = [old.get(type), now.get(type)];
    if (was === is) continue;
    for (const name of new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])])) {
      const [before, after] = [was?.get(name), is?.get(name)];
      if (before?.version === after?.version) continue;
      const versions = `${before?.version ?? ''} ${after?.version ?? ''}`;
      const key = `${shortType(type)} ${name} ${versions}`;
      pairs.push({ key, before, after, proxies: [] });
    }
  }
  return pairs;
}

function changeOf(
  { before, after, proxies }: Pair,
  files: { readonly before: Files; readonly after: Files },
): SharedChange {
  const one = before ?? after;
  if (one === undefined) throw new Error('a change without a resource');
  const fields =
    before === undefined || after === undefined
      ? []
      : fieldChanges(contentOf(before), contentOf(after));
  return {
    type: shortType(one.typeUrl),
    name: one.name,
    before: before && { at: causeOf(before.from, files.before, files.after) },
    after: after && { at: causeOf(after.from, files.after, files.before) },
    fields,
    proxies: proxies.map((proxy) => ({
      proxy,
      before: before?.version,
      after: after?.version,
    })),
  };
}

/** What says the same of several proxies is said once. */
function merged(changes: readonly SharedChange[]): SharedChange[] {
  const found = new Map<string, SharedChange>();
  for (const change of changes) {
    const { proxies, ...rest } = change;
    const key = JSON.stringify(rest);
    const known = found.get(key);
    found.set(key, known ? { ...known, proxies: [...known.proxies, ...proxies] } : change);
  }
  return [...found.values()];
}

function contentOf({ typeUrl, bytes }: Resource) {
  return resourceJson(shortType(typeUrl), bytes);
}
