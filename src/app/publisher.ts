import type { Clock } from '../base/clock.ts';
import type { Grant } from '../breakglass/grant.ts';
import { intentWith } from '../breakglass/grant-rule.ts';
import { heldNow } from '../compile/hold.ts';
import type { Inventory, WorkloadId } from '../compile/inventory.ts';
import { sameInventory } from '../compile/inventory-index.ts';
import { withOffers } from '../compile/on-demand.ts';
import { news, type Published, publishedOf, samePublished } from '../compile/published.ts';
import type { Snapshot } from '../compile/resource.ts';
import { type Compile, type Compiled, type Revision, recompile } from '../compile/revision.ts';
import type { Intent } from '../model/types.ts';
import { loadMoves } from '../rollout/load-moves.ts';
import { runChanges, withRunChanges } from '../rollout/run-changes.ts';
import type { TouchedProxy } from '../rollout/waves.ts';
import type { MeshEvent } from '../serve/api/wire.ts';
import type { Hold } from './upgrade/open-hold.ts';

/** What the xDS service offers to the publisher. */
export interface SnapshotSink {
  /** `onDemand`: what the proxy gets beside its snapshot when it asks for it by name. */
  publish(proxy: WorkloadId, snapshot: Snapshot, onDemand: Snapshot, commit: string): void;
  retire(proxy: WorkloadId): void;
}

export interface Commit {
  readonly id: string;
  readonly subject: string;
}

type Snapshots = ReadonlyMap<WorkloadId, Snapshot>;
type HeldProxies = ReadonlyMap<WorkloadId, readonly string[]>;

/** An intent and what it makes of the present inventory. */
interface Side extends Compiled {
  readonly commit: Commit;
  /** As the commit says it; `intent` is this with what is granted beside it. */
  readonly bare: Intent;
}

const noSnapshots: Snapshots = new Map();
const nobody: ReadonlySet<WorkloadId> = new Set();

/**
 * Compiles what runs, and while a rollout is under way also what is to run, and hands each proxy the snapshot of the side
 * that it is on, if it changed. Follows a commit until every proxy that it touched has taken it.
 */
export class Publisher {
  readonly compile: Compile;
  readonly #sink: SnapshotSink;
  readonly #clock: Clock;
  readonly #emit: (event: MeshEvent) => void;
  #inventory: Inventory = [];
  #grants: readonly Grant[] = [];
  #base: Side | undefined;
  #next: Side | undefined;
  #reached: ReadonlySet<WorkloadId> = nobody;
  /** What another version made of what runs: whoever it concerns and is not released goes on with that. */
  #hold: Hold | undefined;
  #released: ReadonlySet<WorkloadId> = nobody;
  /** Of this very side: it is asked for every second. */
  #heldBy: { readonly base: Side | undefined; readonly held: HeldProxies } = {
    ...{ base: undefined, held: new Map() },
  };
  readonly #published = new Map<WorkloadId, Published>();
  /** Those that have taken all of what they were sent last. */
  readonly #settled = new Set<WorkloadId>();
  #pending: PendingCommit | undefined;

  constructor(options: {
    readonly sink: SnapshotSink;
    readonly clock: Clock;
    readonly emit: (event: MeshEvent) => void;
    readonly compile?: Compile | undefined;
  }) {
    this.compile = options.compile ?? recompile;
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#emit = options.emit;
  }

  /** The first intent after a start, for everybody. What proxies lack is sent, but no change is announced: nobody knows what they have. */
  start(
    intent: Intent,
    inventory: Inventory,
    commit: Commit,
    more: { readonly compiled?: Compiled | undefined; readonly hold?: Hold | undefined } = {},
  ): void {
    this.#inventory = inventory;
    const { compiled, hold } = more;
    this.#base = this.#taken(intent, commit, compiled) ?? this.#compile(intent, commit, undefined);
    this.#holdBy(hold);
    this.#send();
  }

  /** What runs, as this version compiles it, whoever is held; undefined before there is something. */
  get running(): (Compiled & { readonly commit: Commit }) | undefined {
    return this.#base;
  }

  /** What is granted beside it, and for whom it was compiled. */
  get given(): { readonly inventory: Inventory; readonly grants: readonly Grant[] } {
    return { inventory: this.#inventory, grants: this.#grants };
  }

  get hold(): Hold | undefined {
    return this.#hold;
  }

  /** Whom another version's compiling concerns, released or not, with what this version makes otherwise. */
  get held(): HeldProxies {
    const base = this.#base;
    if (this.#heldBy.base === base) return this.#heldBy.held;
    const held = new Map<WorkloadId, readonly string[]>();
    for (const id of this.#hold?.proxies.keys() ?? []) {
      const now = publishedOf(base, id);
      const before = now && this.#heldOf(id, now);
      if (now === undefined || before === undefined || before === now) continue;
      if (!samePublished(before, now)) held.set(id, news(before, now));
    }
    this.#heldBy = { base, held };
    return held;
  }

  /** Those of them that go on with what that version compiled. */
  get behind(): readonly WorkloadId[] {
    return [...this.held.keys()].filter((id) => !this.#released.has(id));
  }

  /** These get what this version compiles; all others that are held go on with what they had. */
  release(proxies: ReadonlySet<WorkloadId>): void {
    if (this.#hold === undefined && proxies.size === 0) return;
    this.#released = proxies;
    if (this.#hold !== undefined) this.#send();
  }

  /** Nobody is held any more. */
  releaseAll(): void {
    if (this.#hold === undefined) return;
    this.#holdBy(undefined);
    this.#send();
  }

  #holdBy(hold: Hold | undefined): void {
    this.#hold = hold;
    this.#released = nobody;
    this.#heldBy = { base: undefined, held: new Map() };
  }

  /** What all is on its way to: compiled for every proxy, with what it gets on demand. */
  get snapshots(): Snapshots {
    if (this.#next !== undefined) return withOffers(this.#next);
    return this.#base === undefined ? noSnapshots : withOffers(this.#asHeld(this.#base));
  }

  /** The same without what is granted beside Git: what a commit is held against. */
  get bareSnapshots(): Snapshots {
    const side = this.#next ?? this.#base;
    if (side === undefined || side.intent === side.bare) return this.snapshots;
    const bare = this.compile(side, side.bare, this.#inventory);
    return withOffers(this.#next === undefined ? this.#asHeld(bare) : bare);
  }

  /** With what those have who are held. */
  #asHeld(revision: Revision): Revision {
    if (this.#hold === undefined) return revision;
    const [snapshots, offers] = [new Map(revision.snapshots), new Map(revision.offers)];
    for (const id of this.#hold.proxies.keys()) {
      const now = publishedOf(revision, id);
      const held = now && !this.#released.has(id) ? this.#heldOf(id, now) : undefined;
      if (held === undefined || held === now) continue;
      snapshots.set(id, held.snapshot);
      offers.set(id, held.onDemand);
    }
    return { snapshots, offers };
  }

  #heldOf(id: WorkloadId, now: Published): Published | undefined {
    const held = this.#hold?.proxies.get(id);
    return held && heldNow(held, now);
  }

  /** Held is who has nothing of what is on its way: that one brings all of this version with it. */
  #publishedOf(side: Side | undefined, id: WorkloadId): Published | undefined {
    const now = publishedOf(side, id);
    if (now === undefined || side !== this.#base || this.#released.has(id)) return now;
    return this.#heldOf(id, now) ?? now;
  }

  /** The commit that some proxies have not taken yet. */
  get pending(): string | undefined {
    return this.#pending?.commit.id;
  }

  /** What an intent would be here. Throws where it cannot be compiled; nothing has changed then. */
  tryOut(intent: Intent, inventory: Inventory): Compiled {
    return this.compile(this.#base, intentWith(intent, this.#grants), inventory);
  }

  /**
   * Compiles what is to run, or takes what a gate compiled of it; nobody gets it yet. Whoever had what was on its way before
   * goes back with the next thing that is sent. Whom it changes something for.
   */
  propose(intent: Intent, commit: Commit, compiled?: Compiled): readonly TouchedProxy[] {
    const next = this.#taken(intent, commit, compiled) ?? this.#compile(intent, commit, this.#base);
    this.#next = next;
    this.#reached = nobody;
    this.#released = nobody;
    const touched = new Map<WorkloadId, readonly string[]>();
    const waiting = new Set<WorkloadId>();
    for (const proxy of next.snapshots.keys()) {
      const before = this.#publishedOf(this.#base, proxy);
      const after = publishedOf(next, proxy);
      if (after === undefined) continue;
      const isSame = before !== undefined && samePublished(before, after);
      if (!isSame) touched.set(proxy, news(before, after));
      // Whoever has something of what this one takes the place of goes back first.
      if (!isSame || !this.#has(proxy, after)) waiting.add(proxy);
    }
    const startedMs = this.#clock.monotonicMs();
    this.#pending = { commit, startedMs, touched, waiting };
    const before = this.#base?.bare;
    const moves = before && loadMoves(before, intent);
    const sent = this.#inventory
      .filter(({ id }) => touched.has(id))
      .map(({ id, service }): TouchedProxy => {
        return { proxy: id, service, ...(moves?.(service) === true ? { mayCease: true } : {}) };
      });
    return before === undefined
      ? sent
      : withRunChanges(sent, runChanges(before, intent, this.#inventory));
  }

  /** These get what is to run; all others have what ran. */
  reach(proxies: ReadonlySet<WorkloadId>): void {
    this.#reached = proxies;
    this.#send();
  }

  /** What was to run is what runs, for everybody. */
  settle(): void {
    if (this.#next !== undefined) {
      this.#base = this.#next;
      this.#holdBy(undefined);
    }
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
    this.#compileAgain();
  }

  /** Access beside Git came or went: likewise, as nobody is to wait for it. */
  grant(grants: readonly Grant[]): void {
    this.#grants = grants;
    this.#compileAgain();
  }

  /** To be called when a proxy has taken all of its present snapshot. */
  converged(proxy: WorkloadId): void {
    this.#settled.add(proxy);
    if (this.#isThere(proxy) && this.#pending?.waiting.delete(proxy) === true) this.#announce();
  }

  /** What it has taken may be what ran before, as long as its wave has not come. */
  #isThere(proxy: WorkloadId): boolean {
    if (!this.#settled.has(proxy)) return false;
    if (this.#next === undefined || this.#reached.has(proxy)) return true;
    const after = publishedOf(this.#next, proxy);
    const isUntouched = this.#pending?.touched.has(proxy) === false;
    return isUntouched && after !== undefined && this.#has(proxy, after);
  }

  #has(proxy: WorkloadId, wanted: Published): boolean {
    const sent = this.#published.get(proxy);
    return sent !== undefined && samePublished(sent, wanted);
  }

  /** Compiling again what was compiled of this very intent and of equal workloads would give the same. */
  #taken(bare: Intent, commit: Commit, compiled: Compiled | undefined): Side | undefined {
    // The gate knows of no grants.
    if (compiled?.intent !== intentWith(bare, this.#grants)) return undefined;
    const isSame = sameInventory(compiled.parts.index.inventory, this.#inventory);
    return isSame ? { ...compiled, commit, bare } : undefined;
  }

  #compileAgain(): void {
    const [base, next] = [this.#base, this.#next];
    if (base !== undefined) this.#base = this.#compile(base.bare, base.commit, base);
    if (next !== undefined) this.#next = this.#compile(next.bare, next.commit, next);
    const moved = new Set<WorkloadId>();
    for (const side of [this.#base, this.#next]) {
      for (const id of side?.changed ?? nobody) moved.add(id);
      for (const id of side?.retired ?? nobody) moved.add(id);
    }
    this.#sendTo(moved);
  }

  #compile(bare: Intent, commit: Commit, known: Side | undefined): Side {
    const intent = intentWith(bare, this.#grants);
    return { ...this.compile(known, intent, this.#inventory), commit, bare };
  }

  /** A proxy of a service that ran never before has nothing to go back to. */
  #sideOf(proxy: WorkloadId): Side | undefined {
    const [before, after] = [this.#base, this.#next].map((side) =>
      side?.snapshots.has(proxy) === true ? side : undefined,
    );
    return this.#reached.has(proxy) || before === undefined ? (after ?? before) : before;
  }

  #send(): void {
    this.#sendTo(new Set([...this.#inventory.map(({ id }) => id), ...this.#published.keys()]));
  }

  #sendTo(proxies: ReadonlySet<WorkloadId>): void {
    const waited = this.#pending?.waiting.size ?? 0;
    for (const id of proxies) this.#sendOne(id);
    const waiting = this.#pending?.waiting ?? nobody;
    // Who had the same of another commit, or of what ran, was sent nothing and has nothing to confirm.
    for (const id of waiting) if (this.#isThere(id)) this.#pending?.waiting.delete(id);
    if (waiting.size < waited) this.#announce();
  }

  #sendOne(id: WorkloadId): void {
    const side = this.#sideOf(id);
    const now = this.#publishedOf(side, id);
    const before = this.#published.get(id);
    if (side === undefined || now === undefined) {
      if (before !== undefined) this.#retire(id);
      return;
    }
    this.#published.set(id, now);
    if (before !== undefined && samePublished(before, now)) return;
    this.#settled.delete(id);
    this.#sink.publish(id, now.snapshot, now.onDemand, side.commit.id);
  }

  /** Nobody waits for who is not there any more. */
  #retire(id: WorkloadId): void {
    this.#published.delete(id);
    this.#settled.delete(id);
    this.#pending?.waiting.delete(id);
    this.#sink.retire(id);
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
