import type { Clock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import type { Grant } from '../breakglass/grant.ts';
import {
  type Inventory,
  sortInventory,
  type Workload,
  type WorkloadId,
} from '../compile/inventory.ts';
import { sameInventory } from '../compile/inventory-index.ts';
import type { Compile, Compiled } from '../compile/revision.ts';
import { identityEntries, sameEntries } from '../identity/entries.ts';
import type { Contained } from '../model/contained.ts';
import type { Intent, Mesh } from '../model/types.ts';
import type { TouchedProxy } from '../rollout/waves.ts';
import type { AgentUpdate, MeshEvent } from '../serve/api/wire.ts';
import { createEventBus, type EventBus } from './events.ts';
import { excerptsOf } from './gate/excerpts.ts';
import type { IntentTree, TreeReading } from './intent-source.ts';
import type { Accepted, CarriedCommit, IntentState } from './intent-state.ts';
import { Policies } from './policies.ts';
import type { PolicyUpdate } from './policy-update.ts';
import { type Commit, Publisher, type SnapshotSink } from './publisher.ts';
import { type AgentListener, Subscribers } from './subscribers.ts';
import type { Hold } from './upgrade/open-hold.ts';

export interface AcceptMore extends Pick<Accepted, 'approved' | 'compiled'> {
  readonly warnings: readonly Finding[];
  readonly carried?: readonly Contained[];
  /** Of what runs: what another version of the control plane made of it. */
  readonly hold?: Hold | undefined;
}

/** Holds intent and inventory, and keeps proxies and policy desks in step with them. No I/O of its own. */
export class ControlPlane {
  readonly events: EventBus = createEventBus();
  readonly publisher: Publisher;
  readonly #onReady: () => void;
  readonly #onAccepting: () => void;
  readonly #onAccepted: (accepted: Accepted) => void;
  readonly #onStayed: (commit: string) => void;
  #intent: IntentState = { kind: 'empty', refused: undefined };
  /** What ran before the commit that is on its way now. */
  #previous: (IntentState & { readonly kind: 'running' }) | undefined;
  /** Commits that hurt; they are not tried again. */
  readonly #takenBack = new Map<string, Finding>();
  #hosts: ReadonlyMap<string, readonly Workload[]>;
  #inventory: Inventory;
  #byId: ReadonlyMap<string, Workload> | undefined;
  readonly #subscribers = new Subscribers();
  readonly #policies = new Policies();
  readonly #movedListeners = new Set<() => void>();
  #look: AgentUpdate & { readonly kind: 'look' } = { kind: 'look', everyMs: 0 };

  constructor(options: {
    readonly clock: Clock;
    readonly sink: SnapshotSink;
    /** What ran when the control plane last stopped; proxies keep their endpoints until hosts report again. */
    readonly inventory: Inventory;
    readonly onReady: () => void;
    /** Before a commit is accepted; what all proxies have settles. */
    readonly onAccepting: () => void;
    /** Leads what was accepted to all proxies. */
    readonly onAccepted: (accepted: Accepted) => void;
    /** The folder is back at this one, which runs. */
    readonly onStayed: (commit: string) => void;
    readonly compile?: Compile | undefined;
  }) {
    this.#inventory = sortInventory(options.inventory);
    this.#hosts = Map.groupBy(options.inventory, (workload) => workload.host);
    this.#onReady = options.onReady;
    this.#onAccepting = options.onAccepting;
    this.#onAccepted = options.onAccepted;
    this.#onStayed = options.onStayed;
    this.publisher = new Publisher({
      clock: options.clock,
      sink: options.sink,
      emit: (event) => this.events.emit(event),
      compile: options.compile,
    });
  }

  get intent(): IntentState {
    return this.#intent;
  }

  get inventory(): Inventory {
    return this.#inventory;
  }

  /** The commit that runs, and the one that is on its way; undefined before there is one. */
  get revision(): { readonly running: string; readonly next: string | undefined } | undefined {
    if (this.#intent.kind === 'empty') return undefined;
    const { commit } = this.#intent.tree;
    const previous = this.#previous?.tree.commit;
    return previous === undefined
      ? { running: commit, next: undefined }
      : { running: previous, next: commit };
  }

  /** What mesh.yaml of the running commit says; undefined before there is one. */
  get mesh(): Mesh | undefined {
    return this.#intent.kind === 'running' ? this.#intent.intent.mesh : undefined;
  }

  workload(id: string): Workload | undefined {
    // Asked for each stream of a storm. Of two that claim one id, the first one.
    this.#byId ??= new Map(this.#inventory.toReversed().map((one) => [one.id, one]));
    return this.#byId.get(id);
  }

  /**
   * The trust domains that are believed. It is one thing for the whole mesh: while a commit is on its way, whoever was
   * believed is, as before, and whoever is new is, too.
   */
  get peers(): Mesh['peers'] {
    const [running, next] = [this.#previous?.intent.mesh, this.mesh];
    return new Map([...(next?.peers ?? []), ...(running?.peers ?? [])]);
  }

  /** What runs and what is on its way, where this version would refuse it. */
  get carried(): readonly CarriedCommit[] {
    const states = [this.#previous, this.#intent].filter((one) => one?.kind === 'running');
    return states.filter(({ carried }) => carried.length > 0);
  }

  /** Calls back whenever another commit runs, or is on its way. */
  onMoved(listener: () => void): () => void {
    this.#movedListeners.add(listener);
    return () => this.#movedListeners.delete(listener);
  }

  #moved(): void {
    for (const listener of [...this.#movedListeners]) listener();
  }

  runs(commit: string): boolean {
    return this.#intent.kind === 'running' && this.#intent.tree.commit === commit;
  }

  /** The folder is back at what runs: what was refused is no longer what it asks for. */
  stay(): void {
    if (this.#intent.kind !== 'running') return;
    this.#intent = { ...this.#intent, refused: undefined };
    this.#onStayed(this.#intent.tree.commit);
  }

  /** What is wrong with a commit that was taken back once; undefined: it was not. */
  takenBack(commit: string): Finding | undefined {
    return this.#takenBack.get(commit);
  }

  /** What an intent comes to here, to be accepted with it. Throws where it cannot be compiled; nothing has changed then. */
  tryOut(intent: Intent, commit: string): Compiled {
    identityEntries(intent);
    this.#policies.tryOut({ intent, commit });
    return this.publisher.tryOut(intent, this.#inventory);
  }

  /** Leads what has passed the gates to all proxies, as a whole. `approved`: a person said that it may take away. */
  accept(tree: IntentTree, intent: Intent, more: AcceptMore): void {
    const { warnings, approved, compiled, carried = [], hold } = more;
    this.#onAccepting();
    const before = this.#intent;
    const entries = { kind: 'entries' as const, entries: identityEntries(intent) };
    const entriesChanged =
      before.kind === 'empty' || !sameEntries(before.entries.entries, entries.entries);
    this.#intent = { kind: 'running', tree, intent, entries, refused: undefined, carried };
    const { commit, subject } = tree;
    this.#emit({ kind: 'accepted', commit, subject, services: intent.services.size, warnings });
    if (entriesChanged) this.#subscribers.tell(entries);
    this.#policies.follow({ intent, commit });
    if (before.kind === 'running') {
      const base = { id: before.tree.commit, subject: before.tree.subject };
      this.#previous ??= before;
      this.#moved();
      this.#onAccepted({ tree, intent, base, approved, compiled });
      return;
    }
    this.#moved();
    this.#tellPolicies();
    this.publisher.start(intent, this.#inventory, { id: commit, subject }, { compiled, hold });
    this.#onReady();
  }

  /** The last good commit goes on. */
  refuse(reading: TreeReading, findings: readonly Finding[]): void {
    const { commit, subject } = reading.kind === 'tree' ? reading.tree : reading;
    this.#intent = { ...this.#intent, refused: { commit, findings } };
    const files = reading.kind === 'tree' ? reading.tree.files : new Map<string, string>();
    const sources = excerptsOf(findings, files);
    this.#emit({ kind: 'refused', commit, subject, findings, sources });
  }

  /** Takes a host's whole report. False when nothing changed. */
  report(host: string, workloads: readonly Workload[]): boolean {
    return this.reports([[host, workloads]]);
  }

  /** Takes those of several hosts as one change. */
  reports(given: readonly (readonly [host: string, workloads: readonly Workload[]])[]): boolean {
    const hosts = new Map(this.#hosts);
    for (const [host, workloads] of given) {
      if (workloads.length === 0) hosts.delete(host);
      else hosts.set(host, workloads);
    }
    const inventory = sortInventory([...hosts.values()].flat());
    if (sameInventory(inventory, this.#inventory)) return false;
    this.#hosts = hosts;
    this.#inventory = inventory;
    this.#byId = undefined;
    this.#policies.moved(given.map(([host]) => host));
    // Whoever comes while its commit is on its way is ahead, too.
    if (this.#policies.isOnItsWay) this.#tellPolicies();
    if (this.#intent.kind === 'running') this.publisher.update(inventory);
    return true;
  }

  /** For the agent of a host: `listener` gets the present policy and entries now and each later one. */
  subscribe(host: string, listener: AgentListener): () => void {
    const unsubscribe = this.#subscribers.add(host, listener);
    if (this.#intent.kind === 'running') {
      this.#tellPolicies();
      listener(this.#intent.entries);
    }
    listener(this.#look);
    return unsubscribe;
  }

  /** Hosts that have a watch open here. */
  get watchingHosts(): readonly string[] {
    return this.#subscribers.hosts;
  }

  /** How many watches a host has open here. */
  watchers(host: string): number {
    return this.#subscribers.of(host);
  }

  /** Calls back with each host whose first watch opened here, or whose last one ended. */
  onWatch(listener: (host: string) => void): void {
    this.#subscribers.onHost(listener);
  }

  /** Compiles what is to run, or takes what a gate compiled of it. Whom it changes something for, at the proxy or at its desk. */
  propose(intent: Intent, commit: Commit, compiled: Compiled | undefined): readonly TouchedProxy[] {
    const touched = this.publisher.propose(intent, commit, compiled);
    const known = new Set(touched.map(({ proxy }) => proxy));
    const decided = this.#policies.decidedOtherwise;
    const more = this.#inventory.filter(
      ({ id, service }) => decided.has(service) && !known.has(id),
    );
    return [...touched, ...more.map(({ id, service }): TouchedProxy => ({ proxy: id, service }))];
  }

  /**
   * These proxies have what is to run, and the desks of their hosts decide by it for their services. Desks first: a proxy
   * that gets a new way is never ahead of the rule that allows it.
   */
  reach(proxies: ReadonlySet<WorkloadId>): void {
    this.#policies.reach(proxies);
    this.#tellPolicies();
    this.publisher.reach(proxies);
  }

  /** What was to run is what runs. */
  settle(): void {
    this.#policies.settle();
    this.#previous = undefined;
    this.#tellPolicies();
    this.publisher.settle();
    this.#moved();
  }

  /** Whom it concerns that another version of the control plane compiled what runs, each with its service. */
  get held(): readonly TouchedProxy[] {
    const { held } = this.publisher;
    if (held.size === 0) return [];
    return this.#inventory
      .filter(({ id }) => held.has(id))
      .map(({ id, service }) => ({ proxy: id, service }));
  }

  /**
   * What was to run is not to: what ran before runs again. With a reason it hurts, and the commit is not taken again; without
   * one it was never led anywhere.
   */
  withdraw(commit: string, reason: string | undefined): void {
    const finding = reason === undefined ? undefined : takenBackFinding(reason);
    if (finding !== undefined) this.forbid(commit, finding);
    const previous = this.#previous;
    this.#policies.withdraw();
    this.#previous = undefined;
    this.#tellPolicies();
    this.publisher.withdraw();
    if (previous === undefined) return;
    const refused = finding && { commit, findings: [finding] };
    this.#intent = { ...previous, refused };
    this.#subscribers.tell(previous.entries);
    this.#moved();
  }

  /** A commit that was taken back before; it is refused when it comes. */
  forbid(commit: string, finding: Finding): void {
    this.#takenBack.set(commit, finding);
    const [oldest] = this.#takenBack.keys();
    if (this.#takenBack.size > takenBackMax && oldest !== undefined) this.#takenBack.delete(oldest);
  }

  /** These are in effect, whatever runs and whatever is on its way. Desks first, as for `reach`. */
  grant(active: readonly Grant[]): void {
    this.#policies.grant(active);
    this.#tellPolicies();
    this.publisher.grant(active);
  }

  /** In effect now; the same list until another one is. */
  get grants(): readonly Grant[] {
    return this.#policies.grants;
  }

  /** The version of the policy by which the desk of this host is to decide. */
  policyVersion(host: string): string | undefined {
    return this.#policyOf(host)?.version;
  }

  /** How often agents tell what their proxies count. */
  look(everyMs: number): void {
    if (this.#look.everyMs === everyMs) return;
    this.#look = { kind: 'look', everyMs };
    this.#subscribers.tell(this.#look);
  }

  #tellPolicies(): void {
    this.#subscribers.tellPolicies((host) => this.#policyOf(host));
  }

  /** Whose desks proxies of any host ask, where there are such, and whether some do. */
  get poolHosts(): readonly string[] {
    return this.#policies.poolHosts;
  }

  get asksPool(): boolean {
    return this.#policies.asksPool;
  }

  #policyOf(host: string): PolicyUpdate | undefined {
    return this.#policies.of(host, { hosts: this.#hosts, inventory: this.#inventory });
  }

  #emit(event: MeshEvent): void {
    this.events.emit(event);
  }
}

/** A branch moves on; what is so far back is not read again. */
const takenBackMax = 1_000;

export const takenBackCode = 'CH4221';

export function takenBackFinding(reason: string): Finding {
  return {
    code: takenBackCode,
    severity: 'error',
    message: `the commit was taken back: ${reason}`,
    help: 'commit what mends it; the same commit is not tried again',
  };
}
