import { type Resource, type Snapshot, type TypeUrl, typeUrls } from '../../compile/resource.ts';
import type { Present } from './exchange.ts';
import type { TypeState } from './type-state.ts';

/** Make before break (rule E1): what others need comes first, what needs others later, removals last. */
export const supply: readonly TypeUrl[] = [
  typeUrls.secret,
  typeUrls.runtime,
  typeUrls.cluster,
  typeUrls.endpoints,
];
export const demand: readonly TypeUrl[] = [typeUrls.listener, typeUrls.routes, typeUrls.extension];
export const removalOrder: readonly TypeUrl[] = [...demand, ...supply.slice(1), typeUrls.secret];

/** What a proxy of a bootstrap of before never asks for, and is whole without. */
export const optional: ReadonlySet<TypeUrl> = new Set([typeUrls.runtime]);

/** A barrier that does not open: the rest goes on without it, and it is said (rule E5). */
export const barrierTimeoutMs = 20_000;

/** What decides about the next step of one stream. Times are monotonic milliseconds. */
export interface StreamView {
  readonly snapshot: Snapshot;
  readonly types: ReadonlyMap<TypeUrl, TypeState>;
  readonly openedAtMs: number;
  /** The peer reported resources from an earlier stream. */
  readonly isReconnect: boolean;
  readonly nowMs: number;
}

/**
 * Between supply and demand. `closed`: clusters are not warm yet. `open`: demand may go, but for what names a
 * cluster that the peer refused and does not have.
 */
export type Gate =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly without: readonly string[] };

/**
 * Envoy withholds the ACK of clusters until they are warm, which makes it the barrier for what names them (rule E2).
 */
export function gateOf(view: StreamView): Gate {
  const clusters = view.types.get(typeUrls.cluster);
  if (clusters === undefined) return { kind: 'open', without: [] };
  const present = presentOf(view.snapshot, typeUrls.cluster);
  if (clusters.hasDueAdditions(present)) {
    const sinceMs = clusters.waitingSinceMs;
    const isLate = sinceMs !== undefined && view.nowMs - sinceMs >= barrierTimeoutMs;
    if (!isLate) return { kind: 'closed' };
  }
  if (!clusters.refusesAnyOf(present)) return { kind: 'open', without: [] };
  const without = [...present.values()]
    .filter((cluster) => clusters.isRefused(cluster))
    .map((cluster) => cluster.name)
    .filter((name) => clusters.acceptedVersion(name) === undefined);
  return { kind: 'open', without };
}

/**
 * Removals wait until all additions are taken. After a reconnect they also wait for the peer to subscribe to what
 * may still name the removed (rule F2): its requests come one by one.
 */
export function mayRemove(view: StreamView): boolean {
  for (const [type, state] of view.types) {
    const present = presentOf(view.snapshot, type);
    if (state.waitingSinceMs !== undefined || state.hasDueAdditions(present)) return false;
  }
  if (view.nowMs - view.openedAtMs >= barrierTimeoutMs) return true;
  // A stream without clusters is no aggregated one: nothing else will be subscribed to.
  if (!view.types.has(typeUrls.cluster)) return true;
  return demand.every((type) => view.types.has(type) || !isExpected(view, type));
}

function isExpected(view: StreamView, type: TypeUrl): boolean {
  if (view.isReconnect && type === typeUrls.listener) return true;
  return presentOf(view.snapshot, type).size > 0;
}

/**
 * Every resource of the snapshot is taken or refused, and nothing is on its way. What belongs to something refused
 * is never asked for, and not waited for.
 */
export function isConverged(view: StreamView): boolean {
  // Most often something is, and then the rest need not be looked at.
  for (const [type, { waitingSinceMs }] of view.types) {
    if (waitingSinceMs !== undefined && view.snapshot.has(type)) return false;
  }
  let isAnyMissed = true;
  for (const [type, state] of view.types) {
    if (state.refusesAnyOf(presentOf(view.snapshot, type))) isAnyMissed = false;
  }
  for (const [type, present] of view.snapshot) {
    const state = view.types.get(type);
    if (state === undefined) {
      if (present.size > 0 && isAnyMissed && !optional.has(type)) return false;
    } else if (!state.hasTaken(present, isAnyMissed)) {
      return false;
    }
  }
  return true;
}

/** When to look again although nothing happened: a barrier or a retry; undefined when nothing is waited for. */
export function nextLookMs(view: StreamView): number | undefined {
  let nextMs: number | undefined;
  const look = (atMs: number): void => {
    if (atMs > view.nowMs && (nextMs === undefined || atMs < nextMs)) nextMs = atMs;
  };
  for (const state of view.types.values()) {
    const { waitingSinceMs, retryAtMs } = state;
    if (waitingSinceMs !== undefined) look(waitingSinceMs + barrierTimeoutMs);
    if (retryAtMs !== undefined) look(retryAtMs);
  }
  look(view.openedAtMs + barrierTimeoutMs);
  return nextMs;
}

/** Whether a resource has a name in it: protobuf writes strings as they are, after their length. */
export function mentions(resource: Resource, name: string): boolean {
  const text = Buffer.from(name);
  const bytes = Buffer.from(
    resource.bytes.buffer,
    resource.bytes.byteOffset,
    resource.bytes.length,
  );
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) {
    if (at > 0 && isLengthBefore(bytes, at, text.length)) return true;
  }
  return false;
}

/** A varint of one or two bytes; names of clusters are shorter than 16 KB. */
function isLengthBefore(bytes: Buffer, at: number, length: number): boolean {
  if (length < 0x80) return bytes[at - 1] === length;
  return bytes[at - 1] === length >> 7 && bytes[at - 2] === ((length & 0x7f) | 0x80);
}

const none: Present = new Map();

export function presentOf(snapshot: Snapshot, type: TypeUrl): Present {
  return snapshot.get(type) ?? none;
}
