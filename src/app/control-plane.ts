import type { Clock } from '../base/clock.ts';
import { type Finding, hasErrors } from '../base/finding.ts';
import { contentHash } from '../compile/content-hash.ts';
import { type Inventory, sortInventory, type Workload } from '../compile/inventory.ts';
import { identityEntries } from '../identity/entries.ts';
import type { Intent, Mesh } from '../model/types.ts';
import { type PolicyDocument, policyDocument } from '../policy/document.ts';
import type { AgentUpdate, MeshEvent } from '../serve/api/wire.ts';
import { createEventBus, type EventBus } from './events.ts';
import type { IntentTree, TreeReading } from './intent-source.ts';
import { Publisher, type SnapshotSink } from './publisher.ts';
import { readIntent } from './read-intent.ts';

/**
 * What the mesh runs on. `empty`: no commit was accepted yet. `running`: the last good one; `refused` holds
 * a later commit that was turned down.
 */
export type IntentState =
  | { readonly kind: 'empty' }
  | {
      readonly kind: 'running';
      readonly tree: IntentTree;
      readonly intent: Intent;
      readonly policy: AgentUpdate & { readonly kind: 'policy' };
      readonly entries: AgentUpdate & { readonly kind: 'entries' };
      readonly refused: RefusedTree | undefined;
    };

export interface RefusedTree {
  readonly commit: string;
  readonly findings: readonly Finding[];
}

/** One agent for each host, and a second one while a new one takes over. */
const subscribersMax = 20_000;

/** Holds intent and inventory, and keeps proxies and policy desks in step with them. No I/O of its own. */
export class ControlPlane {
  readonly events: EventBus = createEventBus();
  readonly publisher: Publisher;
  readonly #clock: Clock;
  readonly #onReady: () => void;
  #intent: IntentState = { kind: 'empty' };
  #hosts: ReadonlyMap<string, readonly Workload[]>;
  #inventory: Inventory;
  readonly #subscribers = new Map<(update: AgentUpdate) => void, string>();

  constructor(options: {
    readonly clock: Clock;
    readonly sink: SnapshotSink;
    /** What ran when the control plane last stopped; proxies keep their endpoints until hosts report again. */
    readonly inventory: Inventory;
    readonly onReady: () => void;
  }) {
    this.#inventory = sortInventory(options.inventory);
    this.#hosts = Map.groupBy(options.inventory, (workload) => workload.host);
    this.#clock = options.clock;
    this.#onReady = options.onReady;
    this.publisher = new Publisher({
      clock: options.clock,
      sink: options.sink,
      emit: (event) => this.events.emit(event),
    });
  }

  get intent(): IntentState {
    return this.#intent;
  }

  get inventory(): Inventory {
    return this.#inventory;
  }

  /** What mesh.yaml of the running commit says; undefined before there is one. */
  get mesh(): Mesh | undefined {
    return this.#intent.kind === 'running' ? this.#intent.intent.mesh : undefined;
  }

  workload(id: string): Workload | undefined {
    return this.#inventory.find((workload) => workload.id === id);
  }

  /** Accepts or refuses a state of the intent folder as a whole; the last good one goes on in between. */
  apply(reading: TreeReading): void {
    if (reading.kind === 'unreadable') {
      this.#refuse(reading, reading.findings, new Map());
      return;
    }
    const { tree } = reading;
    if (this.#intent.kind === 'running' && this.#intent.tree.commit === tree.commit) return;
    const { intent, findings } = readIntent(tree.files, this.#clock.nowMs());
    if (intent === undefined || hasErrors(findings)) {
      this.#refuse(tree, findings, tree.files);
      return;
    }
    this.#accept(tree, intent, findings);
  }

  #accept(tree: IntentTree, intent: Intent, warnings: readonly Finding[]): void {
    const wasEmpty = this.#intent.kind === 'empty';
    const policy = policyUpdate(policyDocument(intent));
    const policyChanged =
      this.#intent.kind === 'empty' || this.#intent.policy.version !== policy.version;
    const entries = { kind: 'entries' as const, entries: identityEntries(intent) };
    const entriesChanged =
      this.#intent.kind === 'empty' ||
      JSON.stringify(this.#intent.entries) !== JSON.stringify(entries);
    this.#intent = { kind: 'running', tree, intent, policy, entries, refused: undefined };
    const { commit, subject } = tree;
    this.#emit({ kind: 'accepted', commit, subject, services: intent.services.size, warnings });
    // Desks first: a proxy that gets a new way is never ahead of the rule that allows it.
    if (policyChanged) this.#tell(policy);
    if (entriesChanged) this.#tell(entries);
    this.publisher.publish(intent, this.#inventory, { id: commit, subject });
    if (wasEmpty) this.#onReady();
  }

  #refuse(
    given: { readonly commit: string; readonly subject: string },
    findings: readonly Finding[],
    sources: ReadonlyMap<string, string>,
  ): void {
    const { commit, subject } = given;
    if (this.#intent.kind === 'running') {
      this.#intent = { ...this.#intent, refused: { commit, findings } };
    }
    const named = findings.flatMap((finding) => finding.at?.file ?? []);
    const shown = [...sources].filter(([file]) => named.includes(file));
    this.#emit({ kind: 'refused', commit, subject, findings, sources: Object.fromEntries(shown) });
  }

  /** Takes a host's whole report. False when nothing changed. */
  report(host: string, workloads: readonly Workload[]): boolean {
    const hosts = new Map(this.#hosts);
    if (workloads.length === 0) hosts.delete(host);
    else hosts.set(host, workloads);
    const inventory = sortInventory([...hosts.values()].flat());
    if (JSON.stringify(inventory) === JSON.stringify(this.#inventory)) return false;
    this.#hosts = hosts;
    this.#inventory = inventory;
    if (this.#intent.kind === 'running') this.publisher.publish(this.#intent.intent, inventory);
    return true;
  }

  /** For the agent of a host: `listener` gets the present policy and entries now and each later one. */
  subscribe(host: string, listener: (update: AgentUpdate) => void): () => void {
    if (this.#subscribers.size >= subscribersMax) throw new Error('too many agents are watching');
    this.#subscribers.set(listener, host);
    if (this.#intent.kind === 'running') {
      listener(this.#intent.policy);
      listener(this.#intent.entries);
    }
    return () => this.#subscribers.delete(listener);
  }

  /** How many watches a host has open. */
  watchers(host: string): number {
    return [...this.#subscribers.values()].filter((one) => one === host).length;
  }

  #tell(update: AgentUpdate): void {
    for (const subscriber of this.#subscribers.keys()) subscriber(update);
  }

  #emit(event: MeshEvent): void {
    this.events.emit(event);
  }
}

function policyUpdate(document: PolicyDocument): AgentUpdate & { kind: 'policy' } {
  return { kind: 'policy', version: contentHash(JSON.stringify(document)), document };
}
