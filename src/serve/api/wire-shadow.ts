import type { PolicyDocument } from '../../policy/document.ts';
import type { ShadowCounts, ShadowRow, ShadowTotals } from '../../policy/shadow.ts';

/** A policy that rides along: each host decides by it what it decides anyway, and nothing comes of it but counts. */
export interface ShadowOrder {
  readonly id: string;
  /** It ends then, also at a host that is told nothing any more. */
  readonly endsMs: number;
  readonly document: PolicyDocument;
}

/** What a host compared since the last report that was heard. */
export interface ShadowReport extends ShadowCounts {
  readonly id: string;
}

/** POST /v1/shadow */
export interface ShadowRequest {
  /** As whoever asks calls it. */
  readonly branch: string;
  readonly commit: string;
  readonly subject: string;
  /** Its files where the control plane does not hold the commit: JSON of `IntentFile[]`, in zstd, in base64. */
  readonly files?: string;
  readonly forMs: number;
  readonly by: string;
}

/** POST /v1/shadow/stop */
export interface ShadowStopRequest {
  readonly by: string;
}

/** GET /v1/shadow, and of each step. */
export interface ShadowReply {
  /** The one that rides, or the last one; undefined: there was none. */
  readonly shadow: ShadowInfo | undefined;
}

export interface ShadowInfo {
  readonly id: string;
  readonly branch: string;
  readonly commit: string;
  readonly subject: string;
  readonly by: string;
  readonly startedMs: number;
  readonly endsMs: number;
  /** Undefined: it rides. */
  readonly endedMs: number | undefined;
  readonly endedBy: string | undefined;
  /** Hosts that compare by it, of those that are in the mesh. */
  readonly hosts: number;
  readonly hostsInMesh: number;
  readonly totals: ShadowTotals;
  /** Differences that are in none of `differences`: there are too many. */
  readonly unlisted: number;
  readonly isPartial: boolean;
  /** Those that would be denied first, then by count. */
  readonly differences: readonly ShadowDifference[];
}

export interface ShadowDifference extends ShadowRow {
  /** Where the rules stand: of the running commit, and of the shadow's. */
  readonly liveAt: string | undefined;
  readonly shadowAt: string | undefined;
}
