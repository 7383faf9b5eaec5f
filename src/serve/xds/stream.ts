import type { Clock } from '../../base/clock.ts';
import { type Resource, type Snapshot, type TypeUrl, typeUrls } from '../../compile/resource.ts';
import type { CallStream } from '../grpc/call.ts';
import type { DeltaDiscoveryRequest } from './messages.ts';
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
import { type Acknowledgement, type Due, TypeState } from './type-state.ts';
import { encodeResponse } from './wire.ts';

export interface StreamEvents {
  /** The first request of a type: what the peer has of it, by name and version. */
  opened(type: TypeUrl, versions: ReadonlyMap<string, string>): void;
  sent(type: TypeUrl, due: Due): void;
  acknowledged(type: TypeUrl, acknowledgement: Acknowledgement): void;
  converged(snapshot: Snapshot): void;
  /** A response is not acknowledged in time; said once for each (rule C10). */
  stuck(type: TypeUrl): void;
  /** A type that is not served, or a nonce that is not the last one of its type (rules A5, C7). */
  ignored(reason: 'unknown type' | 'stale nonce'): void;
}

export interface StreamOptions {
  readonly call: CallStream;
  readonly clock: Clock;
  readonly snapshot: Snapshot;
  /** Marks the nonces of this stream: they are not valid on another one (rule C1). */
  readonly noncePrefix: string;
  readonly memory: (type: TypeUrl) => TypeMemory;
  readonly isQuarantined: (resource: Resource) => boolean;
  readonly events: StreamEvents;
}

/** No progress for this long with bytes unsent: the peer is gone or hangs (rule J3). */
const slowReaderMs = 60_000;

/**
 * One delta stream of one proxy. There is no queue: what is due is computed from the present snapshot and from what
 * the peer has, each time something happens, so newer state replaces what was not sent yet (rules J1, J2).
 */
export class XdsStream {
  readonly #options: StreamOptions;
  readonly #openedAtMs: number;
  readonly #types = new Map<TypeUrl, TypeState>();
  readonly #reportedStuck = new Map<TypeUrl, number>();
  #snapshot: Snapshot;
  #convergedOn: Snapshot | undefined;
  #isReconnect = false;
  #write: 'free' | 'full' = 'free';
  #cancelLook = (): void => {};
  #lookAtMs: number | undefined;
  #cancelSlow = (): void => {};
  #nonce = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#openedAtMs = options.clock.monotonicMs();
    this.#snapshot = options.snapshot;
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

  update(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#pump();
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
    this.#pump();
  }

  #open(type: TypeUrl, request: DeltaDiscoveryRequest): void {
    const { clock, memory, isQuarantined } = this.#options;
    const state = new TypeState({
      memory: memory(type),
      isQuarantined,
      refusalsSpread: type === typeUrls.secret,
      nowMs: () => clock.monotonicMs(),
    });
    const versions = new Map(Object.entries(request.initialResourceVersions));
    if (versions.size > 0) this.#isReconnect = true;
    state.open({
      subscribe: request.resourceNamesSubscribe,
      unsubscribe: request.resourceNamesUnsubscribe,
      versions,
      wildcardIfEmpty: type === typeUrls.listener || type === typeUrls.cluster,
      present: presentOf(this.#snapshot, type),
    });
    this.#types.set(type, state);
    this.#options.events.opened(type, versions);
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
    state.change(request.resourceNamesSubscribe, request.resourceNamesUnsubscribe);
  }

  #pump(): void {
    if (!this.#options.call.isOpen) return;
    if (this.#write === 'free') this.#sendWhatIsDue();
    this.#reportStuck();
    this.#armLook();
    if (this.isConverged || !isConverged(this.#view())) return;
    this.#convergedOn = this.#snapshot;
    this.#options.events.converged(this.#snapshot);
  }

  #sendWhatIsDue(): void {
    for (const type of supply) this.#sendAdditions(type, () => true);
    const gate = gateOf(this.#view());
    if (gate.kind === 'closed') return;
    for (const type of demand) this.#sendAdditions(type, permission(gate));
    if (mayRemove(this.#view())) this.#sendRemovals();
  }

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
    state.sent(nonce, due);
    const bytes = encodeResponse({ typeUrl: type, nonce, ...due });
    if (!this.#options.call.write(bytes)) this.#waitForDrain();
    this.#options.events.sent(type, due);
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
      if (call.bufferedBytes >= bufferedBytes) call.reset();
      else this.#watchProgress(call.bufferedBytes);
    });
  }

  #reportStuck(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [type, { waitingSinceMs }] of this.#types) {
      if (waitingSinceMs === undefined || nowMs - waitingSinceMs < barrierTimeoutMs) continue;
      if (this.#reportedStuck.get(type) === waitingSinceMs) continue;
      this.#reportedStuck.set(type, waitingSinceMs);
      this.#options.events.stuck(type);
    }
  }

  /** The timer that is armed stays while it is the right one: a stream looks again with each message. */
  #armLook(): void {
    const view = this.#view();
    const atMs = nextLookMs(view);
    if (atMs === this.#lookAtMs && atMs !== undefined) return;
    this.#cancelLook();
    this.#lookAtMs = atMs;
    if (atMs === undefined) return;
    this.#cancelLook = this.#options.clock.after(atMs - view.nowMs, () => {
      this.#lookAtMs = undefined;
      this.#pump();
    });
  }
}

function permission(gate: Gate & { readonly kind: 'open' }): (resource: Resource) => boolean {
  return (resource) => !gate.without.some((name) => mentions(resource, name));
}

function isServed(typeUrl: string): typeUrl is TypeUrl {
  return (removalOrder as readonly string[]).includes(typeUrl);
}
