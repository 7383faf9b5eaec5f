import type { MadeResource } from '../../base/ledger.ts';
import { intentWith } from '../../breakglass/grant-rule.ts';
import { type Held, hasSameEndpoints, holder, unmadeOf } from '../../compile/hold.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import { type Published, publishedOf } from '../../compile/published.ts';
import { type RecordedProxy, recordComparison, recordedProxies } from '../../compile/recorded.ts';
import { type Resource, shortType, typeUrls } from '../../compile/resource.ts';
import type { Compile, Compiled } from '../../compile/revision.ts';
import type { Intent } from '../../model/types.ts';
import type { Store } from '../../store/store.ts';
import { type CompiledRecord, readCompiled } from './compiled-store.ts';

/** What another version of the control plane made of the commit that runs, where this one makes something else of it. */
export interface Hold {
  /** Of the program that made it. */
  readonly version: string;
  readonly proxies: ReadonlyMap<WorkloadId, Held>;
  /** What is otherwise in these is theirs at once: nobody has what they had. */
  readonly lost: readonly WorkloadId[];
}

/** The commit that runs, and what this version makes of it as things are. */
export interface RunningCompiled {
  readonly commit: string;
  readonly bare: Intent;
  readonly now: Compiled;
  readonly compile: Compile;
}

type HoldStore = Pick<Store, 'get' | 'resource'>;

/** Others wait their turn: a store is asked for no more at once. */
const askedAtOnce = 32;

/**
 * Holds what was compiled last against what this version makes of it.
 * Undefined: nobody is to be held, since nothing differs by the version, or nothing is known.
 */
export async function openHold(
  store: HoldStore,
  running: RunningCompiled,
): Promise<Hold | undefined> {
  const record = await readCompiled(store);
  if (record === undefined || record.commit !== running.commit) return undefined;
  const differing = differingBy(record, running);
  if (differing.length === 0) return undefined;
  const able = differing.filter(([recorded, then]) => hasSameEndpoints(recorded, then));
  const found = await findAll(store, new Set(able.flatMap((one) => unmadeOf(...one))));
  const hold = holder((id) => found.get(id));
  const proxies = new Map<WorkloadId, Held>();
  for (const [recorded, then] of able) {
    const held = hold(recorded, then);
    if (held !== undefined) proxies.set(recorded.proxy, held);
  }
  const lost = differing.map(([{ proxy }]) => proxy).filter((proxy) => !proxies.has(proxy));
  return { version: record.version, proxies, lost };
}

/** Those for whom this version makes something else of the very same, with what it makes. */
function differingBy(
  record: CompiledRecord,
  { bare, now, compile }: RunningCompiled,
): readonly (readonly [RecordedProxy, Published])[] {
  const isSame = recordComparison();
  const open = recordedProxies(record).filter((one) => {
    const published = publishedOf(now, one.proxy);
    return published !== undefined && !isSame(one, published);
  });
  if (open.length === 0) return [];
  const then = compile(now, intentWith(bare, record.grants), record.inventory);
  return open.flatMap((one) => {
    const published = publishedOf(then, one.proxy);
    return published === undefined || isSame(one, published) ? [] : [[one, published] as const];
  });
}

async function findAll(
  store: HoldStore,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Resource>> {
  const found = new Map<string, Resource>();
  const open = [...ids];
  const ask = async (): Promise<void> => {
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      const made = await store.resource(id);
      const resource = made && resourceOf(made);
      if (resource !== undefined) found.set(id, resource);
    }
  };
  await Promise.all(Array.from({ length: askedAtOnce }, ask));
  return found;
}

const types = new Map(Object.values(typeUrls).map((type) => [shortType(type), type]));

function resourceOf({ type, name, version, bytes, from }: MadeResource): Resource | undefined {
  const typeUrl = types.get(type);
  const places = from.map((place) => ({ column: 1, length: 1, ...place }));
  return typeUrl && { typeUrl, name, version, bytes, from: places };
}
