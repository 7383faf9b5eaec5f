/** The lease as it was read, and who has it; undefined: its holder gave it back. */
export interface SeenLease {
  readonly epoch: number;
  readonly version: number;
  readonly holder: string | undefined;
}

/**
 * Whether this replica leads. `watching`: another one does, or nobody; `sinceMs` is when this version was first seen.
 * `leading`: `renewedMs` is when the write of the last renewal that came through was begun. All times are of the
 * own monotonic clock: no clock of another machine is ever compared.
 */
export type LeaseState =
  | { readonly kind: 'watching'; readonly seen: SeenLease | undefined; readonly sinceMs: number }
  | {
      readonly kind: 'leading';
      readonly epoch: number;
      readonly version: number;
      readonly renewedMs: number;
    };

export type LeaseEvent =
  /** The lease was read. */
  | { readonly kind: 'read'; readonly lease: SeenLease | undefined; readonly nowMs: number }
  /** A write that was begun at `begunMs` came through. */
  | {
      readonly kind: 'written';
      readonly epoch: number;
      readonly version: number;
      readonly begunMs: number;
      readonly nowMs: number;
    }
  /** Another replica wrote first. */
  | { readonly kind: 'overtaken'; readonly nowMs: number }
  /** The own lease was given back. */
  | { readonly kind: 'released'; readonly nowMs: number }
  /** Time went by. */
  | { readonly kind: 'time'; readonly nowMs: number };

interface LeaseTimes {
  /** A holder stops this long after it began its last renewal that came through. */
  readonly heldMs: number;
  /** Others take a lease that they have seen unchanged for this long. */
  readonly expiresMs: number;
}

/**
 * Others begin to count when they see a renewal, which is after its holder began to write it: while a clock runs at most a
 * third faster than another one, the holder has stopped before anybody begins.
 */
export const leaseTimes: LeaseTimes = { heldMs: 4_500, expiresMs: 6_000 };

export function watching(nowMs: number): LeaseState {
  return { kind: 'watching', seen: undefined, sinceMs: nowMs };
}

/** The one place where a replica begins or ceases to lead. */
export function leaseAfter(
  state: LeaseState,
  event: LeaseEvent,
  times: LeaseTimes = leaseTimes,
): LeaseState {
  switch (event.kind) {
    case 'read':
      // A leader learns what became of its lease by its writes.
      return state.kind === 'leading' ? state : seen(state, event.lease, event.nowMs);
    case 'written': {
      const { epoch, version, begunMs: renewedMs, nowMs } = event;
      const next: LeaseState = { kind: 'leading', epoch, version, renewedMs };
      return isOver(next, nowMs, times) ? watching(nowMs) : next;
    }
    case 'overtaken':
    case 'released':
      return watching(event.nowMs);
    case 'time':
      return isOver(state, event.nowMs, times) ? watching(event.nowMs) : state;
  }
}

function seen(
  state: LeaseState & { readonly kind: 'watching' },
  lease: SeenLease | undefined,
  nowMs: number,
): LeaseState {
  const isSame = state.seen !== undefined && state.seen.version === lease?.version;
  return { kind: 'watching', seen: lease, sinceMs: isSame ? state.sinceMs : nowMs };
}

function isOver(state: LeaseState, nowMs: number, { heldMs }: LeaseTimes): boolean {
  return state.kind === 'leading' && nowMs - state.renewedMs >= heldMs;
}

/** What to write now, over which version; undefined: nothing. To be asked after a read in which the lease was as it is in `state`. */
export function leaseToTake(
  state: LeaseState,
  replica: string,
  nowMs: number,
  times: LeaseTimes = leaseTimes,
): { readonly epoch: number; readonly ifVersion: number } | undefined {
  if (state.kind === 'leading') return { epoch: state.epoch, ifVersion: state.version };
  const { seen: lease, sinceMs } = state;
  if (lease === undefined) return { epoch: 1, ifVersion: 0 };
  // Its own lease nobody else can hold: whoever lost it to a store that was away takes it up again at once.
  const isFree = lease.holder === undefined || lease.holder === replica;
  if (!isFree && nowMs - sinceMs < times.expiresMs) return undefined;
  return { epoch: lease.epoch + 1, ifVersion: lease.version };
}
