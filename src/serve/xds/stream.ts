import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { type Snapshot, type TypeUrl, typeUrls } from '../../compile/resource.ts';
import type { DeltaDiscoveryRequest } from '../../gen/envoy/service/discovery/v3/discovery_pb.js';
import type { CallStream } from '../grpc/call.ts';
import { type Acknowledgement, type Due, type Present, TypeState } from './type-state.ts';
import { encodeResponse } from './wire.ts';

export interface StreamEvents {
  sent(type: TypeUrl, names: readonly string[]): void;
  acknowledged(type: TypeUrl, acknowledgement: Acknowledgement): void;
  converged(snapshot: Snapshot): void;
  stuck(type: TypeUrl): void;
}

/** Make before break (rule E1): what others need comes first, what needs others later, removals last. */
const supply: readonly TypeUrl[] = [typeUrls.secret, typeUrls.cluster, typeUrls.endpoints];
const demand: readonly TypeUrl[] = [typeUrls.listener, typeUrls.routes, typeUrls.extension];
const removalOrder: readonly TypeUrl[] = [
  typeUrls.listener,
  typeUrls.routes,
  typeUrls.extension,
  typeUrls.cluster,
  typeUrls.endpoints,
  typeUrls.secret,
];
const known = new Set<string>(removalOrder);

/** A barrier that does not open: the rest goes on without it, and it is said (rule E5). */
const barrierTimeoutMs = 20_000;
/** No progress for this long with bytes unsent: the peer is gone or hangs (rule J3). */
const slowReaderMs = 60_000;

const none: Present = new Map();

/**
 * One delta stream of one proxy. There is no queue: what is due is computed from the present snapshot and from what
 * the peer has, each time something happens, so newer state replaces what was not sent yet (rules J1, J2).
 */
export class XdsStream {
  readonly #call: CallStream;
  readonly #clock: Clock;
  readonly #events: StreamEvents;
  readonly #types = new Map<TypeUrl, TypeState>();
  #snapshot: Snapshot;
  #convergedOn: Snapshot | undefined;
  #drain: 'free' | 'full' = 'free';
  #cancelBarrier = (): void => {};
  #nonce = 0;
  readonly #noncePrefix = randomBytes(4).toString('hex');

  constructor(options: {
    readonly call: CallStream;
    readonly clock: Clock;
    readonly snapshot: Snapshot;
    readonly events: StreamEvents;
  }) {
    this.#call = options.call;
    this.#clock = options.clock;
    this.#snapshot = options.snapshot;
    this.#events = options.events;
    this.#call.onClose(() => this.#cancelBarrier());
  }

  get types(): ReadonlyMap<TypeUrl, TypeState> {
    return this.#types;
  }

  update(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#pump();
  }

  /** `defaultType`: of a per-type RPC, where the request may leave the type out (rule A4). */
  receive(request: DeltaDiscoveryRequest, defaultType: string): void {
    const typeUrl = request.typeUrl === '' ? defaultType : request.typeUrl;
    // A type that is not served is left unanswered; the others go on (rule A5).
    if (!known.has(typeUrl)) return;
    const type = typeUrl as TypeUrl;
    const state = this.#types.get(type);
    if (state === undefined) this.#open(type, request);
    else this.#continue(type, state, request);
    this.#pump();
  }

  #open(type: TypeUrl, request: DeltaDiscoveryRequest): void {
    const state = new TypeState();
    const wildcardIfEmpty = type === typeUrls.listener || type === typeUrls.cluster;
    const versions = new Map(Object.entries(request.initialResourceVersions));
    state.open(request.resourceNamesSubscribe, versions, wildcardIfEmpty);
    this.#types.set(type, state);
  }

  #continue(type: TypeUrl, state: TypeState, request: DeltaDiscoveryRequest): void {
    const { responseNonce, errorDetail } = request;
    if (responseNonce !== '') {
      const outcome = state.acknowledge(responseNonce, errorDetail?.message, this.#clock.nowMs());
      if (outcome.kind !== 'none') this.#events.acknowledged(type, outcome);
    }
    // Honoured also when the nonce is stale (rule B17).
    state.change(request.resourceNamesSubscribe, request.resourceNamesUnsubscribe);
  }

  #pump(): void {
    if (!this.#call.isOpen || this.#drain === 'full') return;
    for (const type of supply) this.#sendAdditions(type);
    const held = this.#holdsBack();
    if (!held) for (const type of demand) this.#sendAdditions(type);
    if (!held && this.#hasTakenAllAdditions()) this.#sendRemovals();
    this.#armBarrier();
    this.#checkConverged();
  }

  #sendAdditions(type: TypeUrl): void {
    const state = this.#types.get(type);
    if (state === undefined) return;
    const present = this.#present(type);
    // Also while a removal is still held back: a name asked for in vain is answered at once.
    const due = first(state.dueAdditions(present), () => state.dueMissing(present));
    this.#send(type, state, due);
  }

  #send(type: TypeUrl, state: TypeState, due: Due): void {
    if (due.resources.length === 0 && due.removed.length === 0) return;
    this.#nonce += 1;
    const nonce = `${this.#noncePrefix}-${this.#nonce}`;
    state.sent(nonce, due, this.#clock.nowMs());
    const bytes = encodeResponse({ typeUrl: type, nonce, ...due });
    if (!this.#call.write(bytes)) this.#waitForDrain();
    this.#events.sent(type, [...due.resources.map((resource) => resource.name), ...due.removed]);
  }

  #waitForDrain(): void {
    this.#drain = 'full';
    const cancel = this.#clock.after(slowReaderMs, () =>
      this.#call.end(8, 'the peer does not read'),
    );
    this.#call.onDrain(() => {
      cancel();
      this.#drain = 'free';
      this.#pump();
    });
    this.#call.onClose(cancel);
  }

  /**
   * True while a cluster change is not taken yet: Envoy withholds its ACK until the clusters are warm, which makes
   * it the barrier for what names them (rule E2). A refused cluster that the peer never had keeps its users back (E5).
   */
  #holdsBack(): boolean {
    const clusters = this.#types.get(typeUrls.cluster);
    if (clusters === undefined) return false;
    const present = this.#present(typeUrls.cluster);
    for (const [name, resource] of present) {
      if (clusters.isRejected(name, resource.version) && !clusters.everAccepted(name)) return true;
    }
    if (!clusters.hasDueAdditions(present)) return false;
    return !clusters.isWaitingSince(this.#clock.nowMs() - barrierTimeoutMs);
  }

  #hasTakenAllAdditions(): boolean {
    for (const [type, state] of this.#types) {
      if (state.hasDueAdditions(this.#present(type))) return false;
    }
    return true;
  }

  /** One step at a time: each waits for the acknowledgement of what came before. */
  #sendRemovals(): void {
    for (const type of removalOrder) {
      const state = this.#types.get(type);
      if (state === undefined) continue;
      const due = state.dueRemovals(this.#present(type));
      if (due.removed.length === 0) continue;
      this.#send(type, state, due);
      return;
    }
  }

  #armBarrier(): void {
    this.#cancelBarrier();
    const waiting = [...this.#types].filter(([, state]) => state.isWaiting);
    if (waiting.length === 0) return;
    this.#cancelBarrier = this.#clock.after(barrierTimeoutMs, () => {
      for (const [type, state] of waiting) if (state.isWaiting) this.#events.stuck(type);
      this.#pump();
    });
  }

  /** Every resource of the snapshot is taken or refused, and nothing is on its way. */
  #checkConverged(): void {
    if (this.#convergedOn === this.#snapshot) return;
    for (const [type, present] of this.#snapshot) {
      const state = this.#types.get(type);
      if (state === undefined && present.size > 0) return;
      for (const [name, { version }] of present) {
        if (state?.hasAccepted(name, version) || state?.isRejected(name, version)) continue;
        return;
      }
      if (state?.isWaiting) return;
    }
    this.#convergedOn = this.#snapshot;
    this.#events.converged(this.#snapshot);
  }

  #present(type: TypeUrl): Present {
    return this.#snapshot.get(type) ?? none;
  }
}

function first(due: Due, otherwise: () => Due): Due {
  return due.resources.length > 0 ? due : otherwise();
}
