import type { Clock } from '../base/clock.ts';
import type { Inventory, WorkloadId } from '../compile/inventory.ts';
import type { Snapshot } from '../compile/resource.ts';
import { type Compiled, recompile } from '../compile/revision.ts';
import { changedResources, sameVersions } from '../compile/snapshot-changes.ts';
import type { Intent } from '../model/types.ts';
import type { TouchedProxy } from '../rollout/waves.ts';
import type { MeshEvent } from '../serve/api/wire.ts';

/** What the xDS service offers to the publisher. */
export interface SnapshotSink {
  publish(proxy: WorkloadId, snapshot: Snapshot, commit: string): void;
  retire(proxy: WorkloadId): void;
}

export interface Commit {
  readonly id: string;
  readonly subject: string;
}

type Snapshots = ReadonlyMap<WorkloadId, Snapshot>;

/** An intent and what it makes of the present inventory. */
interface Side extends Compiled {
  readonly commit: Commit;
}

const noSnapshots: Snapshots = new Map();
const nobody: ReadonlySet<WorkloadId> = new Set();

/**
 * Compiles what runs, and while a rollout is under way also what is to run, and hands each proxy the snapshot of the side
 * that it is on, if it changed. Follows a commit until every proxy that it touched has taken it.
 */
export class Publisher {
  readonly #sink: SnapshotSink;
  readonly #clock: Clock;
  readonly #emit: (event: MeshEvent) => void;
  #inventory: Inventory = [];
  #base: Side | undefined;
  #next: Side | undefined;
  #reached: ReadonlySet<WorkloadId> = nobody;
  #published = new Map<WorkloadId, Snapshot>();
  #pending: PendingCommit | undefined;

  constructor(options: {
    readonly sink: SnapshotSink;
    readonly clock: Clock;
    readonly emit: (event: MeshEvent) => void;
  }) {
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#emit = options.emit;
  }

  /** The first intent after a start, for everybody. What proxies lack is sent, but no change is announced: nobody knows what they have. */
  start(intent: Intent, inventory: Inventory, commit: Commit): void {
    this.#inventory = inventory;
    this.#base = this.#compile(intent, commit, undefined);
    this.#send();
  }

  /** What all is on its way to: compiled for every proxy. */
  get snapshots(): Snapshots {
    return (this.#next ?? this.#base)?.snapshots ?? noSnapshots;
  }

  /** The commit that some proxies have not taken yet. */
  get pending(): string | undefined {
    return this.#pending?.commit.id;
  }

  /** Compiles what is to run; nobody gets it yet. Whom it changes something for. */
  propose(intent: Intent, commit: Commit): readonly TouchedProxy[] {
    const next = this.#compile(intent, commit, this.#base);
    this.#next = next;
    const touched = new Map<WorkloadId, readonly string[]>();
    for (const proxy of next.changed) {
      const snapshot = next.snapshots.get(proxy);
      if (snapshot === undefined) continue;
      touched.set(proxy, changedResources(this.#base?.snapshots.get(proxy), snapshot));
    }
    const startedMs = this.#clock.monotonicMs();
    this.#pending = { commit, startedMs, touched, waiting: new Set(touched.keys()) };
    return this.#inventory
      .filter(({ id }) => touched.has(id))
      .map(({ id, service }) => ({ proxy: id, service }));
  }

  /** These get what is to run; all others have what ran. */
  reach(proxies: ReadonlySet<WorkloadId>): void {
    this.#reached = proxies;
    this.#send();
  }

  /** What was to run is what runs, for everybody. */
  settle(): void {
    if (this.#next !== undefined) this.#base = this.#next;
    this.#next = undefined;
    this.#reached = nobody;
    this.#send();
    this.#announce();
  }

  /** Everybody has what ran before again. */
  withdraw(): void {
    this.#next = undefined;
    this.#reached = nobody;
    this.#pending = undefined;
    this.#send();
  }

  /** Endpoints and proxies came or went: both sides follow at once, without waves. */
  update(inventory: Inventory): void {
    this.#inventory = inventory;
    const [base, next] = [this.#base, this.#next];
    if (base !== undefined) this.#base = this.#compile(base.intent, base.commit, base);
    if (next !== undefined) this.#next = this.#compile(next.intent, next.commit, next);
    this.#send();
  }

  /** To be called when a proxy has taken all of its present snapshot. */
  converged(proxy: WorkloadId): void {
    // What it has taken may be what ran before, as long as its wave has not come.
    if (this.#next !== undefined && !this.#reached.has(proxy)) return;
    if (this.#pending?.waiting.delete(proxy) === true) this.#announce();
  }

  #compile(intent: Intent, commit: Commit, known: Side | undefined): Side {
    return { ...recompile(known, intent, this.#inventory), commit };
  }

  /** A proxy of a service that ran never before has nothing to go back to. */
  #sideOf(proxy: WorkloadId): Side | undefined {
    const [before, after] = [this.#base, this.#next].map((side) =>
      side?.snapshots.has(proxy) === true ? side : undefined,
    );
    return this.#reached.has(proxy) || before === undefined ? (after ?? before) : before;
  }

  #send(): void {
    const published = new Map<WorkloadId, Snapshot>();
    for (const { id } of this.#inventory) {
      const side = this.#sideOf(id);
      const snapshot = side?.snapshots.get(id);
      if (side === undefined || snapshot === undefined) continue;
      published.set(id, snapshot);
      const before = this.#published.get(id);
      if (before === undefined || (before !== snapshot && !sameVersions(before, snapshot))) {
        this.#sink.publish(id, snapshot, side.commit.id);
      }
    }
    for (const id of this.#published.keys()) if (!published.has(id)) this.#sink.retire(id);
    this.#published = published;
  }

  #announce(): void {
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
