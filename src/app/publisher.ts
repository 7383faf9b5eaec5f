import type { Clock } from '../base/clock.ts';
import type { Inventory, WorkloadId } from '../compile/inventory.ts';
import type { Snapshot } from '../compile/resource.ts';
import { compileRevision } from '../compile/revision.ts';
import type { Intent } from '../model/types.ts';
import type { MeshEvent } from '../serve/api/wire.ts';

/** What the xDS service offers to the publisher. */
export interface SnapshotSink {
  publish(proxy: WorkloadId, snapshot: Snapshot): void;
  retire(proxy: WorkloadId): void;
}

export interface Commit {
  readonly id: string;
  readonly subject: string;
}

/**
 * Compiles the accepted intent with the present inventory and hands each proxy its snapshot, if it changed.
 * Follows a commit until every proxy that it touched has taken it.
 */
export class Publisher {
  readonly #sink: SnapshotSink;
  readonly #clock: Clock;
  readonly #emit: (event: MeshEvent) => void;
  #snapshots: ReadonlyMap<WorkloadId, Snapshot> = new Map();
  #pending: PendingCommit | undefined;
  #published = false;

  constructor(options: {
    readonly sink: SnapshotSink;
    readonly clock: Clock;
    readonly emit: (event: MeshEvent) => void;
  }) {
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#emit = options.emit;
  }

  get snapshots(): ReadonlyMap<WorkloadId, Snapshot> {
    return this.#snapshots;
  }

  /** `commit` is given when the intent changed, and left out when only the inventory did. */
  publish(intent: Intent, inventory: Inventory, commit?: Commit): void {
    const before = this.#snapshots;
    const { snapshots } = compileRevision(intent, inventory);
    this.#snapshots = snapshots;
    const touched = new Map<WorkloadId, readonly string[]>();
    for (const [proxy, snapshot] of snapshots) {
      const resources = changedResources(before.get(proxy), snapshot);
      if (resources.length > 0) touched.set(proxy, resources);
    }
    // After a restart nobody knows what the proxies have; what they lack is sent, but no change is announced.
    if (commit !== undefined && this.#published) this.#await(commit, touched);
    this.#published = true;
    for (const proxy of touched.keys()) {
      const snapshot = snapshots.get(proxy);
      if (snapshot !== undefined) this.#sink.publish(proxy, snapshot);
    }
    for (const proxy of before.keys()) {
      if (!snapshots.has(proxy)) this.#sink.retire(proxy);
    }
  }

  #await(commit: Commit, touched: ReadonlyMap<WorkloadId, readonly string[]>): void {
    const startedMs = this.#clock.monotonicMs();
    this.#pending = { commit, startedMs, touched, waiting: new Set(touched.keys()) };
    this.#settle();
  }

  /** To be called when a proxy has taken all of its present snapshot. */
  converged(proxy: WorkloadId): void {
    if (this.#pending?.waiting.delete(proxy) === true) this.#settle();
  }

  #settle(): void {
    const pending = this.#pending;
    if (pending === undefined || pending.waiting.size > 0) return;
    this.#pending = undefined;
    this.#emit({
      kind: 'live',
      commit: pending.commit.id,
      proxies: [...pending.touched].map(([proxy, resources]) => ({ proxy, resources })),
      tookMs: Math.round(this.#clock.monotonicMs() - pending.startedMs),
    });
  }
}

interface PendingCommit {
  readonly commit: Commit;
  readonly startedMs: number;
  readonly touched: ReadonlyMap<WorkloadId, readonly string[]>;
  readonly waiting: Set<WorkloadId>;
}

/** `Type name` of every resource that was added, changed or (with a minus) removed. */
function changedResources(before: Snapshot | undefined, after: Snapshot): string[] {
  const changed: string[] = [];
  for (const [typeUrl, resources] of after) {
    const type = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
    const old = before?.get(typeUrl);
    for (const [name, one] of resources) {
      if (old?.get(name)?.version !== one.version) changed.push(`${type} ${name}`);
    }
    for (const name of old?.keys() ?? []) {
      if (!resources.has(name)) changed.push(`-${type} ${name}`);
    }
  }
  return changed;
}
