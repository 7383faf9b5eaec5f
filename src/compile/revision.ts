import { forkMap } from '../base/map-fork.ts';
import { type IntentChanges, intentChanges } from '../model/changes.ts';
import { type CallGraph, callGraph, nextCallGraph } from '../model/tree.ts';
import type { Intent, Mesh, ServiceName } from '../model/types.ts';
import { type PolicyDocument, policyDocument } from '../policy/document.ts';
import { type Caller, compileCaller } from './caller.ts';
import { sameDesks } from './desk-service.ts';
import type { Inventory, WorkloadId } from './inventory.ts';
import { type InventoryChanges, indexInventory, nextInventory } from './inventory-index.ts';
import type { Offers } from './on-demand.ts';
import { type CompiledProxy, compileProxy } from './proxy.ts';
import type { Snapshot } from './resource.ts';
import { compileShared, placeShared, type SharedService } from './shared-service.ts';
import { sameVersions } from './snapshot-changes.ts';

/** The compiled result of one commit and one inventory: what every proxy is to have. */
export interface Revision {
  readonly snapshots: ReadonlyMap<WorkloadId, Snapshot>;
  /** What some are to get beside it when they ask for it. */
  readonly offers: Offers;
}

/** A revision, what of it differs from the one before, and what the next one is compiled from. Immutable. */
export interface Compiled extends Revision {
  readonly intent: Intent;
  readonly document: PolicyDocument;
  /** Proxies that are new, or have or are offered a resource more, less or of another version than before. */
  readonly changed: ReadonlySet<WorkloadId>;
  /** Proxies that are no more. */
  readonly retired: ReadonlySet<WorkloadId>;
  readonly parts: CompiledParts;
}

/** What compiles: `recompile`, or in tests what stands for that of another version. */
export type Compile = typeof recompile;

/** Everything that was compiled, by what it was compiled from; for `recompile` alone. */
interface CompiledParts {
  readonly index: InventoryChanges['index'];
  readonly graph: CallGraph;
  readonly shared: ReadonlyMap<ServiceName, SharedService>;
  readonly callers: ReadonlyMap<ServiceName, Caller>;
  readonly proxies: ReadonlyMap<WorkloadId, CompiledProxy>;
}

/**
 * Pure: the same intent and inventory give byte-identical resources, in any process. A proxy gets only the
 * services that allow its own.
 */
export function compileRevision(intent: Intent, inventory: Inventory): Compiled {
  return recompile(undefined, intent, inventory);
}

/**
 * What `compileRevision` gives, at the cost of what changed: a service that is the same object as before is not
 * compiled again, and whatever says the same as before is the same object.
 */
export function recompile(
  previous: Compiled | undefined,
  intent: Intent,
  inventory: Inventory,
): Compiled {
  const work = planWork(previous, intent, inventory);
  const document = previous?.intent === intent ? previous.document : policyDocument(intent);
  const shared = compileServices(work, previous?.parts.shared);
  const callers = compileCallers(work, document, shared, previous?.parts.callers);
  const { proxies, replaced } = compileProxies(work, callers, previous?.parts.proxies);
  const { index, graph } = work;
  return {
    intent,
    document,
    ...proxyChanges(replaced, proxies, previous),
    parts: { index, graph, shared, callers, proxies },
  };
}

/** What is to be compiled again. */
interface Work {
  readonly intent: Intent;
  readonly index: InventoryChanges['index'];
  readonly graph: CallGraph;
  readonly gone: ReadonlySet<ServiceName>;
  /** Services to compile for their callers; of the others only `placed` get new endpoints. */
  readonly services: ReadonlySet<ServiceName>;
  readonly placed: ReadonlySet<ServiceName>;
  readonly ruled: ReadonlySet<ServiceName>;
  /** Services whose workloads may get another snapshot. */
  readonly callers: ReadonlySet<ServiceName>;
  readonly workloads: ReadonlySet<WorkloadId>;
}

function planWork(previous: Compiled | undefined, intent: Intent, inventory: Inventory): Work {
  if (previous === undefined) {
    const graph = callGraph(intent);
    return everything(intent, graph, indexInventory(inventory), new Set());
  }
  const changes = intentChanges(previous.intent, intent);
  const { index, services: placed, workloads } = nextInventory(previous.parts.index, inventory);
  const before = previous.parts.graph;
  const graph = previous.intent === intent ? before : nextCallGraph(before, intent, changes);
  const { services, removed: gone, ruled } = changes;
  if (!sameMesh(previous.intent.mesh, intent.mesh)) {
    return { ...everything(intent, graph, index, workloads), gone };
  }
  const callers = touchedCallers(changes, placed, [before, graph]);
  return { intent, index, graph, gone, services, placed, ruled, callers, workloads };
}

function everything(
  intent: Intent,
  graph: CallGraph,
  index: InventoryChanges['index'],
  workloads: ReadonlySet<WorkloadId>,
): Work {
  const all = new Set(intent.services.keys());
  const gone = new Set<ServiceName>();
  return {
    intent,
    index,
    graph,
    gone,
    services: all,
    placed: gone,
    ruled: all,
    callers: all,
    workloads,
  };
}

/** Whether all that services take from mesh.yaml, roles apart, is as before. */
function sameMesh(a: Mesh, b: Mesh): boolean {
  return (
    a === b ||
    (a.trustDomain === b.trustDomain &&
      a.defaults.timeoutMs === b.defaults.timeoutMs &&
      a.defaults.connectTimeoutMs === b.defaults.connectTimeoutMs &&
      a.defaults.decide === b.defaults.decide &&
      sameDesks(a, b))
  );
}

function touchedCallers(
  { services, removed, ruled }: IntentChanges,
  placed: ReadonlySet<ServiceName>,
  graphs: readonly CallGraph[],
): ReadonlySet<ServiceName> {
  const touched = new Set([...ruled, ...placed]);
  // A service of which only a rule means others now came to, or left, exactly those callers.
  for (const name of new Set([...services, ...removed, ...ruled, ...placed])) {
    for (const graph of graphs)
      for (const caller of graph.callers.get(name) ?? []) touched.add(caller);
  }
  return touched;
}

function compileServices(
  { intent, index, gone, services, placed }: Work,
  known: ReadonlyMap<ServiceName, SharedService> | undefined,
): ReadonlyMap<ServiceName, SharedService> {
  if (known !== undefined && gone.size + services.size + placed.size === 0) return known;
  const shared = forkMap(known);
  for (const name of gone) shared.delete(name);
  for (const name of new Set([...services, ...placed])) {
    const service = intent.services.get(name);
    if (service === undefined) continue;
    const before = shared.get(name);
    const instances = index.byService.get(name) ?? [];
    shared.set(
      name,
      before === undefined || services.has(name)
        ? compileShared(intent.mesh, service, instances, before)
        : placeShared(before, instances),
    );
  }
  return shared;
}

/** Of services without workloads nothing is compiled as a caller. */
function compileCallers(
  work: Work,
  document: PolicyDocument,
  shared: ReadonlyMap<ServiceName, SharedService>,
  known: ReadonlyMap<ServiceName, Caller> | undefined,
): ReadonlyMap<ServiceName, Caller> {
  const { intent, index, graph, ruled } = work;
  if (known !== undefined && work.gone.size + work.callers.size === 0) return known;
  const callers = forkMap(known);
  for (const name of work.gone) callers.delete(name);
  for (const name of work.callers) {
    const service = intent.services.get(name);
    if (service === undefined || !index.byService.has(name)) {
      callers.delete(name);
      continue;
    }
    const callees: SharedService[] = [];
    for (const one of graph.callees.get(name) ?? []) {
      const callee = shared.get(one);
      if (callee !== undefined) callees.push(callee);
    }
    const sources = { intent, document, service, callees, ruled: ruled.has(name) };
    callers.set(name, compileCaller(sources, callers.get(name)));
  }
  return callers;
}

function compileProxies(
  { index, gone, callers: touched, workloads }: Work,
  callers: ReadonlyMap<ServiceName, Caller>,
  known: ReadonlyMap<WorkloadId, CompiledProxy> | undefined,
): {
  readonly proxies: ReadonlyMap<WorkloadId, CompiledProxy>;
  readonly replaced: ReadonlySet<WorkloadId>;
} {
  const proxies = forkMap(known);
  const replaced = new Set(workloads);
  for (const id of workloads) if (!index.byId.has(id)) proxies.delete(id);
  for (const name of new Set([...gone, ...touched])) {
    const caller = callers.get(name);
    let twin: CompiledProxy | undefined;
    for (const workload of index.byService.get(name) ?? []) {
      if (index.byId.get(workload.id) !== workload) continue;
      replaced.add(workload.id);
      if (caller === undefined) {
        proxies.delete(workload.id);
        continue;
      }
      twin = compileProxy(caller, workload, known?.get(workload.id), twin);
      proxies.set(workload.id, twin);
    }
  }
  return { proxies, replaced };
}

function sameOffer(before: Snapshot | undefined, after: Snapshot | undefined): boolean {
  return before !== undefined && after !== undefined && sameVersions(before, after);
}

function proxyChanges(
  replaced: ReadonlySet<WorkloadId>,
  proxies: ReadonlyMap<WorkloadId, CompiledProxy>,
  previous: Compiled | undefined,
): Pick<Compiled, 'snapshots' | 'offers' | 'changed' | 'retired'> {
  const changed = new Set<WorkloadId>();
  const retired = new Set<WorkloadId>();
  const snapshots = forkMap(previous?.snapshots);
  const offers = forkMap(previous?.offers);
  for (const id of replaced) {
    const before = snapshots.get(id);
    const after = proxies.get(id)?.snapshot;
    const [offered, offer] = [offers.get(id), proxies.get(id)?.caller.offer];
    if (offer === undefined) offers.delete(id);
    if (after === undefined) {
      snapshots.delete(id);
      if (before !== undefined) retired.add(id);
      continue;
    }
    if (offered !== offer) {
      if (offer !== undefined) offers.set(id, offer);
      if (!sameOffer(offered, offer)) changed.add(id);
    }
    if (before === after) continue;
    snapshots.set(id, after);
    if (before === undefined || !sameVersions(before, after)) changed.add(id);
  }
  return { snapshots, offers, changed, retired };
}
