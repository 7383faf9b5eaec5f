import { resourceId } from '../base/ledger.ts';
import type { WorkloadId } from './inventory.ts';
import type { Named } from './keep.ts';
import { type Published, publishedOf } from './published.ts';
import { type Snapshot, shortType, type TypeUrl, typeUrls } from './resource.ts';
import type { Revision } from './revision.ts';

/**
 * The versions of all that was compiled, by proxy, in the shape in which they are written down. What proxies share is in it
 * once: `sets` are lists of resources of one type, by their place in `ids`.
 */
export interface RecordedVersions {
  /** `Type version name`. */
  readonly ids: readonly string[];
  readonly sets: readonly (readonly number[])[];
  readonly proxies: readonly (readonly [
    proxy: WorkloadId,
    snapshot: readonly number[],
    onDemand: readonly number[],
  ])[];
}

/** One resource of a record. */
export interface RecordedResource {
  readonly id: string;
  readonly type: TypeUrl;
  readonly name: string;
  readonly version: string;
}

/** Resources of one type. */
export type RecordedSet = readonly RecordedResource[];

export interface RecordedProxy {
  readonly proxy: WorkloadId;
  readonly snapshot: readonly RecordedSet[];
  readonly onDemand: readonly RecordedSet[];
}

export function recordOf(revision: Revision): RecordedVersions {
  const ids = new Map<string, number>();
  const sets: number[][] = [];
  const known = new Map<Named, number>();
  const setOf = (type: TypeUrl, named: Named): number => {
    const before = known.get(named);
    if (before !== undefined) return before;
    const set = [...named.values()].map(({ name, version }) => {
      const id = resourceId({ type: shortType(type), name, version });
      const index = ids.get(id) ?? ids.size;
      ids.set(id, index);
      return index;
    });
    known.set(named, sets.length);
    return sets.push(set) - 1;
  };
  const setsOf = (snapshot: Snapshot): number[] =>
    [...snapshot].flatMap(([type, named]) => (named.size === 0 ? [] : [setOf(type, named)]));
  const proxies = [...revision.snapshots.keys()].flatMap((proxy) => {
    const one = publishedOf(revision, proxy);
    return one === undefined ? [] : [[proxy, setsOf(one.snapshot), setsOf(one.onDemand)] as const];
  });
  return { ids: [...ids.keys()], sets, proxies };
}

const typesByShortName = new Map(Object.values(typeUrls).map((type) => [shortType(type), type]));

/** Proxies with a resource of a type that this version does not know are left out. The same sets are the same objects. */
export function recordedProxies({ ids, sets, proxies }: RecordedVersions): RecordedProxy[] {
  const resources = ids.map(recordedResource);
  const known = sets.map((set): RecordedSet | undefined => {
    const all = set.map((index) => resources[index]);
    return all.every((one) => one !== undefined) ? all : undefined;
  });
  return proxies.flatMap(([proxy, ...indexes]) => {
    const [snapshot, onDemand] = indexes.map((list) => list.map((index) => known[index]));
    if (snapshot?.every(isKnown) !== true || onDemand?.every(isKnown) !== true) return [];
    return [{ proxy, snapshot, onDemand }];
  });
}

function isKnown(set: RecordedSet | undefined): set is RecordedSet {
  return set !== undefined;
}

function recordedResource(id: string): RecordedResource | undefined {
  const [short = '', version = '', ...name] = id.split(' ');
  const type = typesByShortName.get(short);
  return type && { id, type, version, name: name.join(' ') };
}

/** Tells for a record and what is compiled now which proxies have other versions; each set is compared once. */
export function recordComparison(): (recorded: RecordedProxy, now: Published) => boolean {
  const compared = new Map<RecordedSet, Map<Named, boolean>>();
  const isSameSet = (set: RecordedSet, named: Named): boolean => {
    const known = compared.get(set) ?? new Map<Named, boolean>();
    compared.set(set, known);
    const same =
      known.get(named) ??
      (set.length === named.size &&
        set.every(({ name, version }) => named.get(name)?.version === version));
    known.set(named, same);
    return same;
  };
  const isSame = (sets: readonly RecordedSet[], snapshot: Snapshot): boolean => {
    const filled = [...snapshot].filter(([, named]) => named.size > 0);
    if (filled.length !== sets.length) return false;
    return sets.every((set) => {
      const named = set[0] && snapshot.get(set[0].type);
      return named !== undefined && isSameSet(set, named);
    });
  };
  return ({ snapshot, onDemand }, now) =>
    isSame(snapshot, now.snapshot) && isSame(onDemand, now.onDemand);
}
