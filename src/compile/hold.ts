import type { Named } from './keep.ts';
import { nothingOffered } from './on-demand.ts';
import type { Published } from './published.ts';
import type { RecordedProxy, RecordedResource, RecordedSet } from './recorded.ts';
import { type Resource, type Snapshot, type TypeUrl, typeUrls } from './resource.ts';

/**
 * A proxy that goes on with what another version of the control plane compiled for it. Both were made of the very same intent
 * and inventory, so whatever differs between the two is the doing of the version.
 */
export interface Held {
  /** What that version made. */
  readonly was: Published;
  /** What this one makes of the same. */
  readonly then: Published;
}

/**
 * What a held proxy is to have now. Where this version would have made the same then, the other one's still says what is meant,
 * and stays. Endpoints follow one by one; anything else that is otherwise ends the hold: a denial, a peer that went or a grant
 * that ended must not wait, and what the other version would make of it nobody can say.
 */
export function heldNow({ was, then }: Held, now: Published): Published {
  const isAsThen =
    sameButEndpoints(then.snapshot, now.snapshot) && sameButEndpoints(then.onDemand, now.onDemand);
  if (!isAsThen) return now;
  const snapshot = placed(was.snapshot, then.snapshot, now.snapshot);
  const onDemand = placed(was.onDemand, then.onDemand, now.onDemand);
  return snapshot === was.snapshot && onDemand === was.onDemand ? was : { snapshot, onDemand };
}

const noResources: Named = new Map();

function sameButEndpoints(then: Snapshot, now: Snapshot): boolean {
  if (then === now) return true;
  const types = new Set([...then.keys(), ...now.keys()]);
  return [...types].every((type) => {
    const [before, after] = [then.get(type) ?? noResources, now.get(type) ?? noResources];
    if (before === after) return true;
    if (before.size !== after.size) return false;
    const isEndpoints = type === typeUrls.endpoints;
    return [...after].every(([name, { version }]) => {
      const one = before.get(name);
      return one !== undefined && (isEndpoints || one.version === version);
    });
  });
}

/** Endpoints as they are now, where they are not as they were. */
function placed(was: Snapshot, then: Snapshot, now: Snapshot): Snapshot {
  const [before, after] = [then.get(typeUrls.endpoints), now.get(typeUrls.endpoints)];
  if (before === after || after === undefined) return was;
  const moved = [...after].filter(([name, one]) => before?.get(name)?.version !== one.version);
  if (moved.length === 0) return was;
  const endpoints = new Map([...(was.get(typeUrls.endpoints) ?? noResources), ...moved]);
  return new Map([...was, [typeUrls.endpoints, endpoints]]);
}

/** Endpoints could not follow under other names, so that a proxy in which they have others cannot be held. */
export function hasSameEndpoints({ snapshot, onDemand }: RecordedProxy, then: Published): boolean {
  return sameEndpointNames(snapshot, then.snapshot) && sameEndpointNames(onDemand, then.onDemand);
}

function sameEndpointNames(sets: readonly RecordedSet[], then: Snapshot): boolean {
  const before = sets.find(([first]) => first?.type === typeUrls.endpoints) ?? [];
  const after = then.get(typeUrls.endpoints) ?? noResources;
  return before.length === after.size && before.every(({ name }) => after.has(name));
}

/** What of a record this version makes in no other way is its own; the rest is to be found by `find`. */
export function unmadeOf({ snapshot, onDemand }: RecordedProxy, then: Published): string[] {
  const unmade = (sets: readonly RecordedSet[], made: Snapshot): string[] =>
    sets.flatMap((set) =>
      set.flatMap(({ id, type, name, version }) =>
        made.get(type)?.get(name)?.version === version ? [] : [id],
      ),
    );
  return [...unmade(snapshot, then.snapshot), ...unmade(onDemand, then.onDemand)];
}

/** Makes the holds of a record. Sets that proxies share are made once. */
export function holder(
  find: (id: string) => Resource | undefined,
): (recorded: RecordedProxy, then: Published) => Held | undefined {
  const known = new Map<RecordedSet, Map<Named, Named | undefined>>();
  const namedOf = (set: RecordedSet, made: Named, isNeeded: boolean): Named | undefined => {
    const before = known.get(set) ?? new Map<Named, Named | undefined>();
    known.set(set, before);
    if (!before.has(made)) before.set(made, namedAs(set, made, find, isNeeded));
    return before.get(made);
  };
  const snapshotAs = (
    sets: readonly RecordedSet[],
    then: Snapshot,
    isNeeded: boolean,
  ): Snapshot | undefined => {
    const byType = new Map(sets.map((set) => [set[0]?.type, set] as const));
    const types = isNeeded ? Object.values(typeUrls) : [...then.keys()];
    const snapshot = new Map<TypeUrl, Named>();
    for (const type of types) {
      const named = namedOf(byType.get(type) ?? [], then.get(type) ?? noResources, isNeeded);
      if (named === undefined) return undefined;
      snapshot.set(type, named);
    }
    return snapshot;
  };
  return (recorded, then) => {
    const snapshot = snapshotAs(recorded.snapshot, then.snapshot, true);
    if (snapshot === undefined) return undefined;
    const hasOffer = recorded.onDemand.length > 0 && then.onDemand.size > 0;
    const onDemand = hasOffer ? snapshotAs(recorded.onDemand, then.onDemand, false) : undefined;
    return { was: { snapshot, onDemand: onDemand ?? nothingOffered }, then };
  };
}

/**
 * What is offered on demand and that nobody ever asked for is nowhere to be found: no proxy has it, and as this version makes
 * it, it is as good.
 */
function namedAs(
  set: RecordedSet,
  made: Named,
  find: (id: string) => Resource | undefined,
  isNeeded: boolean,
): Named | undefined {
  const found = set.map(
    (one) => foundOf(one, made, find) ?? (isNeeded ? undefined : made.get(one.name)),
  );
  if (isNeeded && found.includes(undefined)) return undefined;
  const all = found.filter((one) => one !== undefined);
  const isMade = all.length === made.size && all.every((one) => made.get(one.name) === one);
  return isMade ? made : new Map(all.map((one) => [one.name, one]));
}

function foundOf(
  { id, name, version }: RecordedResource,
  made: Named,
  find: (id: string) => Resource | undefined,
): Resource | undefined {
  const own = made.get(name);
  return own?.version === version ? own : find(id);
}
