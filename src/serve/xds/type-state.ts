import type { Resource } from '../../compile/resource.ts';
import {
  type Accepted,
  type Acknowledgement,
  type Due,
  type InFlight,
  nothingDue,
  type Present,
  type TypeContext,
  takenWith,
} from './exchange.ts';
import { blamedInNack, redactNack } from './nack.ts';
import { Offers } from './offers.ts';
import { type Rejection, Rejections } from './rejections.ts';
import { Settled } from './settled.ts';
import { Subscription } from './subscription.ts';

/** The peer may have the resource, in some version that nobody knows. */
const unknown = '?';

/** Split so that a refusal concerns few and buffers stay small (rule J7). */
const responseBytesMax = 1024 * 1024;
/**
 * One resource type on one stream: what the peer asked for, has, and refused. State is per stream, never per
 * node (rule A11).
 */
export class TypeState {
  readonly #context: TypeContext;
  readonly #subscription = new Subscription();
  /** What the peer has or was just sent. */
  readonly #sent = new Map<string, string>();
  readonly #accepted = new Map<string, Accepted>();
  readonly #rejections: Rejections;
  readonly #offers: Offers;
  /** To be sent whatever the versions say: subscribed again (rule B9), or its cluster changed (rule G1). */
  readonly #forced = new Set<string>();
  /** To be sent before all else and one by one, so that what is good lands (rules D4, D6). */
  readonly #alone = new Set<string>();
  #inFlight: InFlight | undefined;
  readonly #settled = new Settled();
  /** Once this is sent, all that is wanted of these was sent. */
  #lastDue: { readonly due: Due; readonly of: Present } | undefined;

  constructor(context: TypeContext) {
    this.#context = context;
    this.#rejections = context.refusalsSpread ? context.memory.rejections : new Rejections();
    this.#offers = new Offers(context, this.#rejections);
  }

  /** The first request of the type on this stream. `wildcardIfEmpty`: listeners and clusters (rules B1, B13). */
  open(request: {
    readonly subscribe: readonly string[];
    readonly unsubscribe: readonly string[];
    readonly versions: ReadonlyMap<string, string>;
    readonly wildcardIfEmpty: boolean;
    readonly present: Present;
  }): void {
    const { subscribe, unsubscribe, versions, present } = request;
    this.#unsettle();
    if (subscribe.length === 0 && request.wildcardIfEmpty) this.#subscription.openWildcard();
    const { asked } = this.#subscription.change(subscribe, unsubscribe);
    for (const [name, version] of versions) {
      if (this.#subscription.wants(name)) this.#startWith(name, version, present.get(name));
    }
    // What the peer reports to have needs no answer if it is the same (rule F4).
    for (const name of asked) if (!versions.has(name)) this.#forced.add(name);
    if (!this.#subscription.wildcard) return;
    for (const name of this.#context.memory.doubtful) {
      if (!this.#sent.has(name)) this.#sent.set(name, unknown);
    }
  }

  #startWith(name: string, version: string, resource: Resource | undefined): void {
    const isSame = resource?.version === version;
    // The peer's own copies of the two texts are dropped: a thousand peers have the same ones.
    const [ownName, ownVersion] = isSame ? [resource.name, resource.version] : [name, version];
    this.#sent.set(ownName, ownVersion);
    this.#accepted.set(ownName, { version: ownVersion, atMs: this.#context.nowMs() });
    if (isSame) this.#context.memory.accept(resource);
  }

  change(subscribe: readonly string[], unsubscribe: readonly string[]): void {
    if (subscribe.length === 0 && unsubscribe.length === 0) return;
    this.#unsettle();
    const { asked, dropped, wildcardDropped } = this.#subscription.change(subscribe, unsubscribe);
    for (const name of asked) this.#forced.add(name);
    for (const name of dropped) {
      // Beside a wildcard the peer must hear whether it still has the name (rule B8).
      if (this.#subscription.wildcard) this.#forced.add(name);
      else this.#forget(name);
    }
    if (!wildcardDropped) return;
    for (const name of [...this.#sent.keys()]) {
      if (!this.#subscription.wants(name)) this.#forget(name);
    }
  }

  #forget(name: string): void {
    this.#unsettle();
    this.#sent.delete(name);
    this.#accepted.delete(name);
    this.#rejections.forget(name);
    this.#forced.delete(name);
    this.#alone.delete(name);
  }

  /** Sends a subscribed name again although its content is the same. */
  force(name: string): void {
    if (this.#subscription.names.has(name)) this.#forced.add(name);
  }

  /** When the response that is not acknowledged yet was sent; undefined when there is none. */
  get waitingSinceMs(): number | undefined {
    return this.#inFlight?.sentAtMs;
  }

  get isAdding(): boolean {
    return this.#inFlight !== undefined && this.#inFlight.resources.length > 0;
  }

  wants(name: string): boolean {
    return this.#subscription.wants(name);
  }

  wantsAll(present: Present): boolean {
    if (this.#subscription.wildcard || this.#settled.isAskedFor(present)) return true;
    for (const name of present.keys()) if (!this.#subscription.names.has(name)) return false;
    this.#settled.askedOf = present;
    return true;
  }

  /** Asked for by name, beside a wildcard or without one. */
  get names(): ReadonlySet<string> {
    return this.#subscription.names;
  }

  /** Names that will not be remembered are answered like those that do not exist. */
  deny(names: readonly string[]): void {
    for (const name of names) this.#forced.add(name);
  }

  sentVersion(name: string): string | undefined {
    const version = this.#sent.get(name);
    return version === unknown ? undefined : version;
  }

  acceptedVersion(name: string): string | undefined {
    return this.#accepted.get(name)?.version;
  }

  acceptedAtMs(name: string): number | undefined {
    return this.#accepted.get(name)?.atMs;
  }

  rejection(resource: Resource): Rejection | undefined {
    return this.#rejections.of(resource);
  }

  isRefused(resource: Resource): boolean {
    return this.#offers.isRefused(resource);
  }

  refusesAnyOf(present: Present): boolean {
    return this.#offers.refusesAnyOf(present);
  }

  /** Whether the peer has taken or refused each of these; `isAnyMissed`: also what it did not ask for. */
  hasTaken(present: Present, isAnyMissed: boolean): boolean {
    if (this.#settled.takenOf === present) return true;
    let isAllTaken = true;
    for (const resource of present.values()) {
      if (this.#isTaken(resource)) continue;
      isAllTaken = false;
      if (this.isRefused(resource)) continue;
      if (isAnyMissed || this.wants(resource.name)) return false;
    }
    if (isAllTaken) this.#settled.takenOf = present;
    return true;
  }

  #isTaken(resource: Resource | undefined): boolean {
    if (resource === undefined) return false;
    return this.#accepted.get(resource.name)?.version === resource.version;
  }

  /** When a refusal may have passed and the same is to be tried again. */
  get retryAtMs(): number | undefined {
    if (this.#rejections.isEmpty) return undefined;
    return this.#rejections.retryAtMs(this.#context.nowMs());
  }

  /**
   * New and changed resources, at most one response's worth. `mayGo` holds single ones back; they stay due.
   */
  dueAdditions(present: Present, mayGo: (resource: Resource) => boolean = () => true): Due {
    if (this.#inFlight !== undefined) return nothingDue;
    if (this.#settled.sentOf === present && this.#owesNothing) return nothingDue;
    for (const name of this.#alone) {
      const resource = this.#dueOf(present.get(name));
      if (resource === undefined) this.#alone.delete(name);
      else if (mayGo(resource)) return { resources: [resource], removed: [] };
    }
    const { resources, isAll } = this.#changed(present, mayGo);
    if (resources.length === 0) {
      if (isAll && this.#owesNothing) this.#settled.sentOf = present;
      return nothingDue;
    }
    const due = { resources, removed: [] };
    this.#lastDue = isAll ? { due, of: present } : undefined;
    return due;
  }

  /** `isAll`: once these are sent, nothing is left to send. */
  #changed(
    present: Present,
    mayGo: (resource: Resource) => boolean,
  ): { readonly resources: readonly Resource[]; readonly isAll: boolean } {
    const resources: Resource[] = [];
    let bytes = 0;
    let isAll = true;
    for (const name of this.#unsent(present)) {
      const wanted = present.get(name);
      if (wanted === undefined) continue;
      const resource = this.#dueOf(wanted);
      if (resource === undefined || !mayGo(resource)) {
        isAll &&= this.#sent.get(name) === wanted.version;
        continue;
      }
      isAll &&= resource === wanted;
      resources.push(resource);
      bytes += resource.bytes.length;
      if (bytes >= responseBytesMax || this.#context.refusalsSpread)
        return { resources, isAll: false };
    }
    return { resources, isAll };
  }

  /** Nothing is to be sent whatever the versions say. */
  get #owesNothing(): boolean {
    return this.#forced.size + this.#alone.size === 0;
  }

  #unsettle(): void {
    this.#settled.reset();
    this.#lastDue = undefined;
  }

  /** Names asked for that do not exist: answered at once, so that nobody waits for them (rule B10). */
  dueMissing(present: Present): Due {
    if (this.#inFlight !== undefined || this.#forced.size === 0) return nothingDue;
    const removed = [...this.#forced].filter((name) => !present.has(name));
    return removed.length === 0 ? nothingDue : { resources: [], removed };
  }

  /** What the peer has and is to lose. */
  dueRemovals(present: Present): Due {
    if (this.#inFlight !== undefined || this.#settled.isHeldBy(present)) return nothingDue;
    const removed = [...this.#sent.keys()].filter((name) => !present.has(name));
    if (removed.length > 0) return { resources: [], removed };
    this.#settled.held(present);
    return nothingDue;
  }

  /** Something of what is there is still to be sent, or on its way. */
  hasDueAdditions(present: Present): boolean {
    if (this.isAdding) return true;
    if (this.#isAllSent(present)) return false;
    const isDue = (name: string): boolean => this.#dueOf(present.get(name)) !== undefined;
    return Iterator.from(this.#candidates(present)).some(isDue);
  }

  /** Each change of a subscription and each answer looks at every type: most have nothing new, which this finds fast. */
  #isAllSent(present: Present): boolean {
    if (!this.#owesNothing) return false;
    if (this.#settled.sentOf === present) return true;
    for (const name of this.#unsent(present)) {
      const resource = present.get(name);
      if (resource !== undefined && this.#sent.get(name) !== resource.version) return false;
    }
    this.#settled.sentOf = present;
    return true;
  }

  /** Of the candidates, those that may not have been sent as they are now. */
  #unsent(present: Present): Iterable<string> {
    const names = this.#owesNothing ? this.#settled.unsent(present) : undefined;
    return names?.filter((name) => this.wants(name)) ?? this.#candidates(present);
  }

  #candidates(present: Present): Iterable<string> {
    return this.#subscription.wildcard ? present.keys() : this.#subscription.names;
  }

  #dueOf(resource: Resource | undefined): Resource | undefined {
    const offered = resource && this.#offers.of(resource);
    if (resource === undefined || offered === undefined) return undefined;
    const { name } = resource;
    const isForced = this.#forced.has(name) || this.#alone.has(name);
    return isForced || this.#sent.get(name) !== offered.version ? offered : undefined;
  }

  /** False: it tells the peer nothing that it does not have, and that it did not ask for. */
  sent(nonce: string, due: Due): boolean {
    const hasEffect = due.resources.some(this.#isNews) || due.removed.some(this.#isLoss);
    const allSentOf = this.#lastDue?.due === due ? this.#lastDue.of : undefined;
    this.#lastDue = undefined;
    this.#inFlight = { nonce, ...due, sentAtMs: this.#context.nowMs() };
    for (const { name, version } of due.resources) {
      this.#sent.set(name, version);
      this.#forced.delete(name);
      this.#alone.delete(name);
    }
    this.#settled.sent(due.resources, this.#owesNothing ? allSentOf : undefined);
    for (const name of due.removed) this.#forget(name);
    return hasEffect;
  }

  /** What is left at the peer of what it refused nobody knows. */
  readonly #isNews = ({ name, version }: Resource): boolean =>
    this.acceptedVersion(name) !== version ||
    this.#sent.get(name) === unknown ||
    this.#forced.has(name) ||
    this.#alone.has(name);

  readonly #isLoss = (name: string): boolean => this.#sent.has(name) || this.#forced.has(name);

  /**
   * Has sent again what the peer was sent and has never confirmed, although nothing is under way any more. Returns
   * the names.
   */
  repeatUnconfirmed(present: Present): readonly string[] {
    if (this.#inFlight !== undefined) return [];
    const names = [...this.#candidates(present)].filter((name) => {
      const resource = present.get(name);
      if (resource === undefined || this.isRefused(resource)) return false;
      const isSent = this.#sent.get(name) === resource.version && !this.#forced.has(name);
      return isSent && this.acceptedVersion(name) !== resource.version;
    });
    for (const name of names) this.#forced.add(name);
    return names;
  }

  /** A NACK is told by its error alone (rule C4); an unknown nonce says nothing about anything (rule C7). */
  acknowledge(nonce: string, error: string | undefined, present: Present): Acknowledgement {
    const flight = this.#inFlight;
    if (flight === undefined || flight.nonce !== nonce) return { kind: 'none' };
    this.#inFlight = undefined;
    const tookMs = this.#context.nowMs() - flight.sentAtMs;
    if (error !== undefined) {
      return { kind: 'nack', ...this.#refuse(flight.resources, error), tookMs };
    }
    // What the peer gave up meanwhile it does not have.
    const resources = flight.resources.filter(({ name }) => this.wants(name));
    for (const resource of resources) this.#accept(resource, present.get(resource.name));
    for (const name of flight.removed) this.#context.memory.forget(name);
    const taken = takenWith({ ...flight, resources }, present, tookMs);
    if (taken.overtaken.length > 0) this.#settled.takenOf = undefined;
    else this.#settled.took(present, (name) => this.#isTaken(present.get(name)));
    return taken;
  }

  #accept(resource: Resource, wanted: Resource | undefined): void {
    const { name, version } = resource;
    this.#accepted.set(name, { version, atMs: this.#context.nowMs() });
    this.#context.memory.accept(resource);
    if (this.#context.refusalsSpread) this.#rejections.excuseVictimsOf(name);
    // A last good one in place of a refused one clears nothing, or the refused one would come back at once.
    if (wanted?.version === version) this.#rejections.forget(name);
  }

  #refuse(
    resources: readonly Resource[],
    error: string,
  ): { readonly message: string; readonly rejected: readonly Resource[] } {
    const blamed = blamedInNack(
      error,
      resources.map(({ name }) => name),
    );
    for (const resource of resources) {
      const { name } = resource;
      this.#context.memory.doubt(name);
      if (!this.#subscription.wants(name)) continue;
      this.#unsettle();
      this.#sent.set(name, unknown);
      const reason = blamed.get(name);
      if (reason !== undefined) {
        this.#rejections.add(resource, redactNack(reason), this.#context.nowMs());
      } else if (blamed.size === 0) this.#alone.add(name);
    }
    if (this.#context.refusalsSpread) this.#repeatAll(blamed.keys());
    const rejected = resources.filter(({ name }) => blamed.has(name));
    return { message: redactNack(error), rejected };
  }

  /** The last good one of what was refused first: until it is back, Envoy refuses the others too (rule D6). */
  #repeatAll(first: Iterable<string>): void {
    for (const name of [...first, ...this.#accepted.keys()]) this.#alone.add(name);
  }
}
