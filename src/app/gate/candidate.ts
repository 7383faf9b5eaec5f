import type { Finding } from '../../base/finding.ts';
import {
  type Inventory,
  sortInventory,
  type Workload,
  type WorkloadId,
} from '../../compile/inventory.ts';
import { withOffers } from '../../compile/on-demand.ts';
import type { Snapshot } from '../../compile/resource.ts';
import { type Compile, type Compiled, recompile } from '../../compile/revision.ts';
import { standIn } from '../../compile/stand-in.ts';
import type { Intent, Service, ServiceName } from '../../model/types.ts';
import type { IntentTree } from '../intent-source.ts';

/** In the order in which they are passed. */
const gateNames = ['parse', 'compile', 'tests', 'references', 'envoy', 'guard'] as const;
export type GateName = (typeof gateNames)[number];

/** What runs when a commit is checked. */
export interface Base {
  readonly commit: string;
  readonly intent: Intent;
  readonly snapshots: ReadonlyMap<WorkloadId, Snapshot>;
}

/** A commit on its way through the gates. */
export interface Candidate {
  readonly tree: IntentTree;
  readonly intent: Intent;
  /** Undefined before anything runs. */
  readonly base: Base | undefined;
  readonly inventory: Inventory;
  /** What each running proxy would get, at once or on demand. */
  readonly snapshots: ReadonlyMap<WorkloadId, Snapshot>;
  /** One proxy of each service, also of those that do not run yet: what they will get must hold too. */
  readonly samples: ReadonlyMap<ServiceName, Snapshot>;
  /** All of it; the next candidate is compiled at the cost of what differs. */
  readonly compiled: Compiled;
}

/** One question about a candidate. Any finding of severity error stops it there, with all findings of that gate. */
export interface Gate {
  readonly name: GateName;
  /** `hold`: what it finds is allowed once a person says so. */
  readonly onErrors: 'refuse' | 'hold';
  readonly check: (candidate: Candidate) => Promise<readonly Finding[]> | readonly Finding[];
}

/** More of the same kind tell nobody more; the text says that there are others. */
export const findingsMax = 50;

export function compileCandidate(
  tree: IntentTree,
  intent: Intent,
  world: { readonly base: Base | undefined; readonly inventory: Inventory },
  known?: Compiled,
  compile: Compile = recompile,
): Candidate {
  const running = new Set(world.inventory.map((workload) => workload.service));
  const idle = [...intent.services.values()].filter(({ name }) => !running.has(name));
  const inventory = sortInventory([...world.inventory, ...idle.map(stranger)]);
  const compiled = compile(known, intent, inventory);
  const whole = withOffers(compiled);
  const samples = new Map<ServiceName, Snapshot>();
  for (const { id, service } of inventory) {
    const snapshot = whole.get(id);
    if (snapshot !== undefined && !samples.has(service)) samples.set(service, snapshot);
  }
  const strangers = new Set<string>(idle.map((service) => stranger(service).id));
  const snapshots = new Map([...whole].filter(([id]) => !strangers.has(id)));
  return { tree, intent, ...world, snapshots, samples, compiled };
}

/** Stands for the first workload of a service that has none; its id is none that a host could report. */
function stranger(service: Service): Workload {
  const version = service.versions[0];
  if (version === undefined) throw new Error(`${service.name} has no version`);
  return standIn(service, version, { id: `?${service.name}`, state: 'unhealthy' });
}
