import { forkMap } from '../base/map-fork.ts';
import type { ServiceName } from '../model/types.ts';
import type { Inventory, Workload, WorkloadId } from './inventory.ts';

/** An inventory by service and by id, so that nothing has to look through all of it. */
interface InventoryIndex {
  readonly inventory: Inventory;
  readonly byService: ReadonlyMap<ServiceName, readonly Workload[]>;
  /** Two hosts may report the same id; the last one has the proxy. */
  readonly byId: ReadonlyMap<WorkloadId, Workload>;
}

export function indexInventory(inventory: Inventory): InventoryIndex {
  return {
    inventory,
    byService: Map.groupBy(inventory, (workload) => workload.service),
    byId: new Map(inventory.map((workload) => [workload.id, workload])),
  };
}

export interface InventoryChanges {
  readonly index: InventoryIndex;
  /** Services with a workload that came, went or is another. */
  readonly services: ReadonlySet<ServiceName>;
  readonly workloads: ReadonlySet<WorkloadId>;
}

/** What `indexInventory` gives, and what differs from before. Both inventories are sorted by id. */
export function nextInventory(before: InventoryIndex, inventory: Inventory): InventoryChanges {
  const services = new Set<ServiceName>();
  const workloads = new Set<WorkloadId>();
  if (inventory === before.inventory) return { index: before, services, workloads };
  const { merged, differing } = merge(before.inventory, inventory);
  for (const one of differing) {
    services.add(one.service);
    workloads.add(one.id);
  }
  if (workloads.size === 0) return { index: before, services, workloads };
  const byId = forkMap(before.byId);
  for (const id of workloads) byId.delete(id);
  for (const one of merged) if (workloads.has(one.id)) byId.set(one.id, one);
  // Of two with one id, the other one may have the proxy now.
  for (const id of workloads) {
    const holder = byId.get(id);
    if (holder !== undefined) services.add(holder.service);
  }
  const byService = forkMap(before.byService);
  for (const name of services) byService.delete(name);
  const moved = merged.filter((workload) => services.has(workload.service));
  for (const [name, list] of Map.groupBy(moved, ({ service }) => service))
    byService.set(name, list);
  return { index: { inventory: merged, byService, byId }, services, workloads };
}

/** `after` with the objects of before where they say the same, and what has no equal in the other list. */
function merge(before: Inventory, after: Inventory): { merged: Workload[]; differing: Workload[] } {
  const merged: Workload[] = [];
  const differing: Workload[] = [];
  let old = 0;
  let now = 0;
  while (old < before.length || now < after.length) {
    const a = before[old];
    const b = after[now];
    if (a !== undefined && b !== undefined && sameWorkload(a, b)) {
      merged.push(a);
      old += 1;
      now += 1;
    } else if (b === undefined || (a !== undefined && a.id <= b.id)) {
      if (a !== undefined) differing.push(a);
      old += 1;
    } else {
      merged.push(b);
      differing.push(b);
      now += 1;
    }
  }
  return { merged, differing };
}

/** Whether two inventories say the same, in the same order. */
export function sameInventory(a: Inventory, b: Inventory): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every((one, index) => {
        const other = b[index];
        return other !== undefined && sameWorkload(one, other);
      }))
  );
}

function sameWorkload(a: Workload, b: Workload): boolean {
  return (
    a === b ||
    (a.host === b.host && a.version === b.version && a.state === b.state && sameProxy(a, b))
  );
}

/** Whether both are served by the same listeners. */
export function sameProxy(a: Workload, b: Workload): boolean {
  return (
    a.id === b.id &&
    a.service === b.service &&
    a.address === b.address &&
    a.ingressPort === b.ingressPort &&
    a.egressPort === b.egressPort &&
    a.appPort === b.appPort
  );
}
