import type { Clock } from '../../base/clock.ts';
import { type Resource, type Snapshot, type TypeUrl, typeUrls } from '../../compile/resource.ts';
import type { CallStream } from '../grpc/call.ts';
import { prefixBytes } from '../grpc/frames.ts';
import { grpcStatus } from '../grpc/status.ts';
import { unsubscribedTypes } from './completeness.ts';
import type { Acknowledgement, Due } from './exchange.ts';
import type { DeltaDiscoveryRequest } from './messages.ts';
import { rememberable, withAskedFor } from './on-demand.ts';
import type { Quarantined } from './quarantine.ts';
import {
  barrierTimeoutMs,
  demand,
  type Gate,
  gateOf,
  isConverged,
  mayRemove,
  mentions,
  nextLookMs,
  presentOf,
  removalOrder,
  type StreamView,
  supply,
} from './sequencer.ts';
import type { TypeMemory } from './type-memory.ts';
import { TypeState } from './type-state.ts';
import { encodeResponse } from './wire.ts';

interface Push {
  readonly bytes: number;
  /** False for a push that tells the peer nothing new and that it did not ask for. */
  readonly hasEffect: boolean;
}

export interface StreamEvents {
  /** The first request of a type: what the peer has of it, by name and version. */
  opened(type: TypeUrl, versions: ReadonlyMap<string, string>): void;
  sent(type: TypeUrl, due: Due, push: Push): void;
  acknowledged(type: TypeUrl, acknowledgement: Acknowledgement): void;
  /** The peer gave up names of which it had something. */
  dropped(type: TypeUrl, names: readonly string[]): void;
  converged(snapshot: Snapshot): void;
  /** A response is not acknowledged in time; said once for each (rule C10). */
  stuck(type: TypeUrl): void;
  /** A type that is not served, or a nonce that is not the last one of its type (rules A5, C7). */
  ignored(reason: 'unknown type' | 'stale nonce'): void;
  /** The stream ends since the peer asks for less than it needs. */
  incomplete(types: readonly TypeUrl[]): void;
  /** Sent again since the peer never confirmed them. */
  healed(type: TypeUrl, names: readonly string[]): void;
  /** The peer is cut off since it does not read (rule J3). */
  slowReader(): void;
  /** So many names that do not exist were answered and are not remembered. */
  forgotten(count: number): void;
}

interface StreamOptions {
  readonly call: CallStream;
  readonly clock: Clock;
  readonly snapshot: Snapshot;
  /** What the peer gets only when it asks for it by name (rule I2). */
  readonly onDemand: Snapshot;
  /** How long a peer may ask for less than it needs before its stream is ended. */
  readonly patienceMs: number;
  /** Marks the nonces of this stream: they are not valid on another one (rule C1). */
  readonly noncePrefix: string;
  readonly memory: (type: TypeUrl) => TypeMemory;
  readonly quarantine: Quarantined;
  readonly events: StreamEvents;
}

/** No progress for this long with bytes unsent: the peer is gone or hangs (rule J3). */
const slowReaderMs = 60_000;
/** How often what the peer confirmed is held against what it is to have. */
const compareEveryMs = 60_000;

/**
 * One delta stream of one proxy. There is no queue: what is due is computed from the present snapshot and from what
 * the peer has, each time something happens, so newer state replaces what was not sent yet (rules J1, J2).
 */
export class XdsStream {
  readonly #options: StreamOptions;
  readonly #openedAtMs: number;
  readonly #types = new Map<TypeUrl, TypeState>();
  readonly #reportedStuck = new Map<TypeUrl, number>();
  /** The published snapshot, and all of it that this stream is to have. */
  #published: Snapshot;
  #snapshot: Snapshot;
  #onDemand: Snapshot;
  #convergedOn: Snapshot | undefined;
  #toldConverged: Snapshot | undefined;
  #incompleteSinceMs: number | undefined;
  #compareAtMs: number;
  #isReconnect = false;
  #write: 'free' | 'full' = 'free';
  #cancelLook = (): void => {};
  #lookAtMs: number | undefined;
  #cancelSlow = (): void => {};
  #nonce = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#openedAtMs = options.clock.monotonicMs();
    this.#published = options.snapshot;
    this.#snapshot = options.snapshot;
    this.#onDemand = options.onDemand;
    this.#compareAtMs = this.#openedAtMs + compareEveryMs;
    options.call.onClose(() => {
      this.#cancelLook();
      this.#cancelSlow();
    });
  }

  get types(): ReadonlyMap<TypeUrl, TypeState> {
    return this.#types;
  }

  /** All of the present snapshot is taken or refused. */
  get isConverged(): boolean {
    return this.#convergedOn === this.#snapshot;
  }

  /** All that this stream is to have: the published snapshot, and what was asked for beside it. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Since when a response has not been acknowledged, once that is too long. */
  get stuckSinceMs(): number | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    let oldestMs: number | undefined;
    for (const { waitingSinceMs } of this.#types.values()) {
      if (waitingSinceMs === undefined || nowMs - waitingSinceMs < barrierTimeoutMs) continue;
      oldestMs = Math.min(oldestMs ?? waitingSinceMs, waitingSinceMs);
    }
    return oldestMs;
  }

  update(snapshot: Snapshot, onDemand: Snapshot): void {
    // Of each change somebody may wait to hear that it was taken: of what is new on demand, and of what was so before, too.
    if (this.#onDemand !== onDemand || this.#published !== snapshot) {
      this.#toldConverged = undefined;
      this.#convergedOn = undefined;
    }
    this.#published = snapshot;
    this.#onDemand = onDemand;
    this.#refresh();
    this.#pump();
  }

  /** Without names asked for on demand it is the published snapshot itself, else another object each time. */
  #refresh(): void {
    this.#snapshot = withAskedFor(this.#published, this.#onDemand, this.#types);
  }

  /** Something outside this stream changed that may let it send. */
  look(): void {
    this.#pump();
  }

  /** Throws GrpcError for a request that ends the stream. */
  receive(request: DeltaDiscoveryRequest, typeUrl: string): void {
    // A type that is not served is left unanswered; the others go on (rule A5).
    if (!isServed(typeUrl)) {
      this.#options.events.ignored('unknown type');
      return;
    }
    const state = this.#types.get(typeUrl);
    if (state === undefined) this.#open(typeUrl, request);
    else this.#continue(typeUrl, state, request);
    const { resourceNamesSubscribe, resourceNamesUnsubscribe } = request;
    const changesNames = resourceNamesSubscribe.length + resourceNamesUnsubscribe.length > 0;
    if (this.#onDemand.size > 0 && changesNames) this.#refresh();
    this.#pump();
  }

  #open(type: TypeUrl, request: DeltaDiscoveryRequest): void {
    const { clock, memory, quarantine } = this.#options;
    const state = new TypeState({
      memory: memory(type),
      quarantine,
      refusalsSpread: type === typeUrls.secret,
      nowMs: () => clock.monotonicMs(),
    });
    const versions = request.initialResourceVersions;
    if (versions.size > 0) this.#isReconnect = true;
    const { kept, denied } = this.#remembered(type, state, request.resourceNamesSubscribe);
    state.open({
      // Also when none is kept: names, even in vain, are no wildcard (rule B3).
      subscribe: kept,
      unsubscribe: request.resourceNamesUnsubscribe,
      versions,
      wildcardIfEmpty:
        denied.length === 0 && (type === typeUrls.listener || type === typeUrls.cluster),
      present: presentOf(this.#snapshot, type),
    });
    state.deny(denied);
    this.#types.set(type, state);
    this.#options.events.opened(type, versions);
  }

  /** Only clusters are asked for by names that an application makes up. */
  #remembered(type: TypeUrl, state: TypeState, asked: readonly string[]) {
    if (type !== typeUrls.cluster || asked.length === 0) return { kept: asked, denied: [] };
    const present = presentOf(this.#published, type);
    const offered = presentOf(this.#onDemand, type);
    const exists = (name: string): boolean => present.has(name) || offered.has(name);
    const split = rememberable(asked, state.names, exists);
    if (split.denied.length > 0) this.#options.events.forgotten(split.denied.length);
    return split;
  }

  #continue(type: TypeUrl, state: TypeState, request: DeltaDiscoveryRequest): void {
    const { responseNonce, errorDetail } = request;
    if (responseNonce !== '') {
      const present = presentOf(this.#snapshot, type);
      const outcome = state.acknowledge(responseNonce, errorDetail?.message, present);
      if (outcome.kind === 'none') this.#options.events.ignored('stale nonce');
      else this.#options.events.acknowledged(type, outcome);
    }
    // Honoured also when the nonce is stale (rule B17).
    const { kept, denied } = this.#remembered(type, state, request.resourceNamesSubscribe);
    const unsubscribed = request.resourceNamesUnsubscribe;
    const had = unsubscribed.filter((name) => state.acceptedVersion(name) !== undefined);
    state.change(kept, unsubscribed);
    state.deny(denied);
    const dropped = had.filter((name) => !state.wants(name));
    if (dropped.length > 0) this.#options.events.dropped(type, dropped);
  }

  #pump(): void {
    if (!this.#options.call.isOpen) return;
    const view = this.#view();
    if (this.#write === 'free') this.#sendWhatIsDue(view);
    this.#reportStuck(view.nowMs);
    if (!this.isConverged) this.#judge(view);
    if (this.#options.call.isOpen) this.#armLook(view);
  }

  /** Whether the peer has all of its snapshot, and if not, whether it asks for all of it. */
  #judge(view: StreamView): void {
    if (isConverged(view)) {
      this.#incompleteSinceMs = undefined;
      this.#convergedOn = this.#snapshot;
      if (this.#toldConverged === this.#published) return;
      this.#toldConverged = this.#published;
      this.#options.events.converged(this.#published);
      return;
    }
    const types = unsubscribedTypes(view);
    if (types === undefined) return;
    if (types.length === 0) this.#incompleteSinceMs = undefined;
    else this.#incompleteSinceMs ??= view.nowMs;
    const sinceMs = this.#incompleteSinceMs;
    if (sinceMs === undefined || view.nowMs - sinceMs < this.#options.patienceMs) return;
    this.#options.events.incomplete(types);
    this.#options.call.end(grpcStatus.unavailable, 'not all resources were asked for: ask anew');
  }

  /** Holds what the peer confirmed against what it was sent. */
  #compare(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < this.#compareAtMs) return;
    this.#compareAtMs = nowMs + compareEveryMs;
    for (const [type, state] of this.#types) {
      const names = state.repeatUnconfirmed(presentOf(this.#snapshot, type));
      if (names.length > 0) this.#options.events.healed(type, names);
    }
  }

  #sendWhatIsDue(view: StreamView): void {
    for (const type of supply) this.#sendAdditions(type, always);
    const gate = gateOf(view);
    if (gate.kind === 'closed') return;
    const mayGo = permission(gate);
    for (const type of demand) this.#sendAdditions(type, mayGo);
    if (mayRemove(view)) this.#sendRemovals();
  }

  /** Of this moment; what the types have is looked at when it is asked for. */
  #view(): StreamView {
    return {
      snapshot: this.#snapshot,
      types: this.#types,
      openedAtMs: this.#openedAtMs,
      isReconnect: this.#isReconnect,
      nowMs: this.#options.clock.monotonicMs(),
    };
  }

  #sendAdditions(type: TypeUrl, mayGo: (resource: Resource) => boolean): void {
    const state = this.#types.get(type);
    if (state === undefined) return;
    const present = presentOf(this.#snapshot, type);
    const due = state.dueAdditions(present, mayGo);
    // A name asked for in vain is answered at once, also while removals are held back (rule B10).
    this.#send(type, state, due.resources.length > 0 ? due : state.dueMissing(present));
    if (type === typeUrls.cluster) this.#repeatEndpoints(due.resources);
  }

  /** A cluster that was added or changed warms only when its endpoints come after it (rule G1). */
  #repeatEndpoints(clusters: readonly Resource[]): void {
    const endpoints = this.#types.get(typeUrls.endpoints);
    for (const cluster of clusters) endpoints?.force(cluster.name);
  }

  /** One step at a time: each waits for the acknowledgement of what came before. */
  #sendRemovals(): void {
    for (const type of removalOrder) {
      const state = this.#types.get(type);
      if (state === undefined) continue;
      const due = state.dueRemovals(presentOf(this.#snapshot, type));
      if (due.removed.length === 0) continue;
      this.#send(type, state, due);
      return;
    }
  }

  #send(type: TypeUrl, state: TypeState, due: Due): void {
    if (due.resources.length === 0 && due.removed.length === 0) return;
    this.#nonce += 1;
    const nonce = `${this.#options.noncePrefix}-${this.#nonce}`;
    const hasEffect = state.sent(nonce, due);
    const framed = encodeResponse({ typeUrl: type, nonce, ...due });
    if (!this.#options.call.writeFramed(framed)) this.#waitForDrain();
    this.#options.events.sent(type, due, { bytes: framed.length - prefixBytes, hasEffect });
  }

  #waitForDrain(): void {
    if (this.#write === 'full') return;
    const { call } = this.#options;
    this.#write = 'full';
    this.#watchProgress(call.bufferedBytes);
    call.onDrain(() => {
      this.#cancelSlow();
      this.#write = 'free';
      this.#pump();
    });
  }

  #watchProgress(bufferedBytes: number): void {
    const { call, clock } = this.#options;
    this.#cancelSlow = clock.after(slowReaderMs, () => {
      if (call.bufferedBytes >= bufferedBytes) {
        this.#options.events.slowReader();
        call.reset();
      } else this.#watchProgress(call.bufferedBytes);
    });
  }

  #reportStuck(nowMs: number): void {
    for (const [type, { waitingSinceMs }] of this.#types) {
      if (waitingSinceMs === undefined || nowMs - waitingSinceMs < barrierTimeoutMs) continue;
      if (this.#reportedStuck.get(type) === waitingSinceMs) continue;
      this.#reportedStuck.set(type, waitingSinceMs);
      this.#options.events.stuck(type);
    }
  }

  /**
   * The timer that is armed stays when it comes before its time: looking once too often costs less than a new timer with
   * each message, and each acknowledgement moves the time.
   */
  #armLook(view: StreamView): void {
    const incompleteAtMs = (this.#incompleteSinceMs ?? 0) + this.#options.patienceMs;
    const atMs = Math.min(
      nextLookMs(view) ?? Number.POSITIVE_INFINITY,
      // Later, it is looked at with the acknowledgement that is waited for.
      incompleteAtMs > view.nowMs ? incompleteAtMs : Number.POSITIVE_INFINITY,
      this.#compareAtMs,
    );
    if (this.#lookAtMs !== undefined && this.#lookAtMs <= atMs) return;
    this.#cancelLook();
    this.#lookAtMs = atMs;
    this.#cancelLook = this.#options.clock.after(Math.max(0, atMs - view.nowMs), () => {
      this.#lookAtMs = undefined;
      this.#compare();
      this.#pump();
    });
  }
}

const always = (): boolean => true;

function permission(gate: Gate & { readonly kind: 'open' }): (resource: Resource) => boolean {
  if (gate.without.length === 0) return always;
  return (resource) => !gate.without.some((name) => mentions(resource, name));
}

function isServed(typeUrl: string): typeUrl is TypeUrl {
  return (removalOrder as readonly string[]).includes(typeUrl);
}
