import type { Resource } from '../../compile/resource.ts';
import { namesInNack } from './nack.ts';

/** The present resources of one type, by name. */
export type Present = ReadonlyMap<string, Resource>;

interface InFlight {
  readonly nonce: string;
  readonly versions: ReadonlyMap<string, string>;
  readonly removed: readonly string[];
  readonly sentAtMs: number;
}

export interface Rejection {
  readonly version: string;
  readonly message: string;
  readonly atMs: number;
}

/** What the peer said about the response in flight. */
export type Acknowledgement =
  | { readonly kind: 'none' }
  | { readonly kind: 'ack'; readonly names: readonly string[]; readonly tookMs: number }
  | { readonly kind: 'nack'; readonly message: string; readonly rejected: readonly string[] };

/** What to send next of one type. */
export interface Due {
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

const nothingDue: Due = { resources: [], removed: [] };

/** Bounds what a peer can make the server remember: on-demand names that never existed stay subscribed. */
const namesMax = 20_000;
/** Split so that a refusal concerns few and buffers stay small (rule J7). */
const responseBytesMax = 1024 * 1024;
/** A NACK can quote a whole resource (rule C12). */
const nackCharactersMax = 1_000;

/**
 * One resource type on one stream: what the peer asked for, has, and refused. State is per stream, never per
 * node (rule A11).
 */
export class TypeState {
  #wildcard = false;
  readonly #names = new Set<string>();
  /** What the peer has or was just sent; the empty version stands for "told that it does not exist". */
  readonly #sent = new Map<string, string>();
  readonly #accepted = new Map<string, string>();
  readonly #rejected = new Map<string, Rejection>();
  /** To be sent whatever the versions say: subscribed again (rule B9), or its cluster changed (rule G1). */
  readonly #forced = new Set<string>();
  /** After a refusal of several: sent one by one, so that the good ones land (rule D4). */
  readonly #singles = new Set<string>();
  #inFlight: InFlight | undefined;

  /** The first request of the type on this stream. `wildcardIfEmpty`: listeners and clusters (rules B1, B13). */
  open(
    subscribe: readonly string[],
    initialVersions: ReadonlyMap<string, string>,
    wildcardIfEmpty: boolean,
  ): void {
    if (subscribe.length === 0 && wildcardIfEmpty) this.#wildcard = true;
    for (const [name, version] of initialVersions) {
      if (!this.#wildcard && !subscribe.includes(name) && !subscribe.includes('*')) continue;
      this.#sent.set(name, version);
      this.#accepted.set(name, version);
    }
    for (const name of subscribe) this.#subscribe(name, !initialVersions.has(name));
  }

  /** Subscriptions first, then unsubscriptions (rule B12). */
  change(subscribe: readonly string[], unsubscribe: readonly string[]): void {
    for (const name of subscribe) this.#subscribe(name, true);
    for (const name of unsubscribe) this.#unsubscribe(name);
  }

  #subscribe(name: string, force: boolean): void {
    if (name === '*') {
      this.#wildcard = true;
      return;
    }
    if (this.#names.size >= namesMax) return;
    this.#names.add(name);
    if (force) this.#forced.add(name);
  }

  #unsubscribe(name: string): void {
    if (name === '*') {
      this.#wildcard = false;
      for (const known of [...this.#sent.keys()]) if (!this.#names.has(known)) this.#forget(known);
      return;
    }
    if (!this.#names.delete(name)) return;
    // Beside a wildcard the peer must hear whether it still has the name (rule B8).
    if (this.#wildcard) this.#forced.add(name);
    else this.#forget(name);
  }

  #forget(name: string): void {
    this.#sent.delete(name);
    this.#accepted.delete(name);
    this.#forced.delete(name);
    this.#singles.delete(name);
  }

  /** Sends a subscribed name again although its content is the same. */
  force(name: string): void {
    if (this.#names.has(name)) this.#forced.add(name);
  }

  get isWaiting(): boolean {
    return this.#inFlight !== undefined;
  }

  isWaitingSince(atMs: number): boolean {
    return this.#inFlight !== undefined && this.#inFlight.sentAtMs <= atMs;
  }

  get rejections(): ReadonlyMap<string, Rejection> {
    return this.#rejected;
  }

  hasAccepted(name: string, version: string): boolean {
    return this.#accepted.get(name) === version;
  }

  everAccepted(name: string): boolean {
    return this.#accepted.has(name);
  }

  isRejected(name: string, version: string): boolean {
    return this.#rejected.get(name)?.version === version;
  }

  /** New and changed resources, at most one response's worth. */
  dueAdditions(present: Present): Due {
    if (this.#inFlight !== undefined) return nothingDue;
    const resources: Resource[] = [];
    let bytes = 0;
    for (const name of this.#candidates(present)) {
      const resource = present.get(name);
      if (resource === undefined || !this.#isDue(resource)) continue;
      const single = this.#singles.has(name);
      if (single && resources.length > 0) continue;
      resources.push(resource);
      bytes += resource.bytes.length;
      if (single || bytes >= responseBytesMax) break;
    }
    return resources.length === 0 ? nothingDue : { resources, removed: [] };
  }

  /** Names asked for that do not exist: answered at once, so that nobody waits for them (rule B10). */
  dueMissing(present: Present): Due {
    if (this.#inFlight !== undefined) return nothingDue;
    const removed = [...this.#forced].filter((name) => !present.has(name));
    return removed.length === 0 ? nothingDue : { resources: [], removed };
  }

  /** What the peer has and is to lose. */
  dueRemovals(present: Present): Due {
    if (this.#inFlight !== undefined) return nothingDue;
    const removed = [...this.#sent]
      .filter(([name, version]) => version !== '' && !present.has(name))
      .map(([name]) => name);
    return removed.length === 0 ? nothingDue : { resources: [], removed };
  }

  hasDueAdditions(present: Present): boolean {
    if (this.#inFlight !== undefined) return true;
    for (const name of this.#candidates(present)) {
      const resource = present.get(name);
      if (resource !== undefined && this.#isDue(resource)) return true;
    }
    return false;
  }

  #candidates(present: Present): Iterable<string> {
    return this.#wildcard ? present.keys() : this.#names;
  }

  /** Never again what was refused, unless it changed (rule C3). */
  #isDue(resource: Resource): boolean {
    if (this.isRejected(resource.name, resource.version)) return false;
    return this.#forced.has(resource.name) || this.#sent.get(resource.name) !== resource.version;
  }

  sent(nonce: string, due: Due, nowMs: number): void {
    const versions = new Map(due.resources.map((resource) => [resource.name, resource.version]));
    this.#inFlight = { nonce, versions, removed: due.removed, sentAtMs: nowMs };
    for (const [name, version] of versions) {
      this.#sent.set(name, version);
      this.#forced.delete(name);
    }
    for (const name of due.removed) {
      if (this.#names.has(name)) this.#sent.set(name, '');
      else this.#sent.delete(name);
      this.#accepted.delete(name);
      this.#forced.delete(name);
    }
  }

  /** A NACK is told by its error alone (rule C4); an unknown nonce says nothing about anything (rule C7). */
  acknowledge(nonce: string, error: string | undefined, nowMs: number): Acknowledgement {
    const flight = this.#inFlight;
    if (flight === undefined || flight.nonce !== nonce) return { kind: 'none' };
    this.#inFlight = undefined;
    if (error !== undefined) return this.#refused(flight, error.slice(0, nackCharactersMax), nowMs);
    for (const [name, version] of flight.versions) {
      this.#accepted.set(name, version);
      this.#rejected.delete(name);
      this.#singles.delete(name);
    }
    const names = [...flight.versions.keys(), ...flight.removed];
    return { kind: 'ack', names, tookMs: nowMs - flight.sentAtMs };
  }

  #refused(flight: InFlight, message: string, nowMs: number): Acknowledgement {
    const names = [...flight.versions.keys()];
    const named = names.length === 1 ? names : namesInNack(message, names);
    for (const [name, version] of flight.versions) {
      if (named.includes(name)) {
        this.#rejected.set(name, { version, message, atMs: nowMs });
        this.#singles.delete(name);
      } else {
        this.#forced.add(name);
        this.#singles.add(name);
      }
    }
    return { kind: 'nack', message, rejected: named };
  }
}
