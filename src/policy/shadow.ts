/** What another policy would do otherwise than the one that decides. */
export type ShadowEffect = 'newly denied' | 'newly allowed' | 'uncertain';

/** Which requests are one difference. */
export interface ShadowKey {
  readonly effect: ShadowEffect;
  /** Where it was decided: the callee, or the caller where its own proxy had no way to the callee. */
  readonly service: string;
  /** The SPIFFE ID; empty: none was shown. */
  readonly caller: string;
  readonly callee: string;
  /** `connect` for a TCP connection. */
  readonly method: string;
  /** With `*` for ids; empty for a TCP connection. */
  readonly path: string;
  readonly live: 'allow' | 'deny';
  /** The rule that let it in or kept it out; left out where none did, or it is not known. */
  readonly liveRule?: string;
  /** Of the denial. */
  readonly liveCode?: string;
  readonly shadow: 'allow' | 'deny' | 'depends';
  readonly shadowRule?: string;
  readonly shadowCode?: string;
  /** What it hangs on where that is not known of the request, such as `header x-tenant`. */
  readonly on?: string;
}

/** One request, to be found again in the logs. */
export interface ShadowSample {
  readonly atMs: number;
  readonly path: string;
  /** `x-request-id` */
  readonly requestId?: string;
  /** Of the decision log, where the desk was asked. */
  readonly decision?: string;
}

export interface ShadowRow extends ShadowKey {
  readonly requests: number;
  readonly lastMs: number;
  /** Some of them. */
  readonly samples: readonly ShadowSample[];
}

export interface ShadowTotals {
  /** Decided by both policies. */
  readonly compared: number;
  readonly newlyDenied: number;
  readonly newlyAllowed: number;
  readonly uncertain: number;
  /** Seen and not compared: there were too many at once, or nobody knows how they were decided. */
  readonly missed: number;
}

export interface ShadowCounts {
  readonly totals: ShadowTotals;
  readonly rows: readonly ShadowRow[];
  /** Some requests were not even seen: a log grew faster than it is read. */
  readonly isPartial: boolean;
}

export const noTotals: ShadowTotals = {
  ...{ compared: 0, newlyDenied: 0, newlyAllowed: 0, uncertain: 0, missed: 0 },
};

/** Undefined: both come to the same for whoever sent it, by whichever rule. */
export function shadowEffect(
  live: ShadowKey['live'],
  shadow: ShadowKey['shadow'],
): ShadowEffect | undefined {
  if (shadow === 'depends') return 'uncertain';
  if (live === shadow) return undefined;
  return shadow === 'deny' ? 'newly denied' : 'newly allowed';
}
