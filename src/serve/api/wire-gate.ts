import type { Finding } from '../../base/finding.ts';
import type { Rollout } from '../../rollout/rollout.ts';

/** GET /v1/verdicts: what became of each commit, newest first. */
export interface VerdictsReply {
  readonly verdicts: readonly CommitVerdict[];
}

export interface CommitVerdict {
  readonly commit: string;
  readonly subject: string;
  /** When the control plane first had it before it. */
  readonly seenMs: number;
  readonly verdict: Verdict;
  /** The gates that it has passed or failed, in order. */
  readonly gates: readonly PassedGate[];
  /** When every proxy that it concerns had taken it. */
  readonly liveMs: number | undefined;
  /** Of the files that findings point into, only the lines that they name; the others are empty. */
  readonly sources: Readonly<Record<string, string>>;
  /** Of the trace that was exported of its way; left out: there is none. */
  readonly traceId?: string;
}

export interface PassedGate {
  readonly gate: string;
  readonly tookMs: number;
  readonly errors: number;
  readonly warnings: number;
}

export type Verdict =
  | { readonly kind: 'checking' }
  | {
      readonly kind: 'accepted';
      readonly atMs: number;
      readonly warnings: readonly Finding[];
      /** Who let it pass a guard rail, or the trailer that did; undefined: there was none to pass. */
      readonly approvedBy: string | undefined;
    }
  | { readonly kind: 'refused'; readonly atMs: number; readonly findings: readonly Finding[] }
  /** For somebody to approve it. */
  | { readonly kind: 'waiting'; readonly atMs: number; readonly findings: readonly Finding[] }
  | { readonly kind: 'superseded'; readonly atMs: number; readonly by: string };

/** GET /v1/verdicts/COMMIT, which may be the beginning of its id: whether it is live, and where. */
export interface CommitReply {
  /** Undefined: the control plane has not seen such a commit. */
  readonly verdict: CommitVerdict | undefined;
  /** Of one that it has not seen: whether it is still to come. */
  readonly place: CommitPlace | undefined;
  readonly running: { readonly commit: string; readonly subject: string } | undefined;
  /** Whether every proxy that it concerns has taken the running commit; it may be taken back yet, as its rollout says. */
  readonly live: boolean;
  /** How the commit goes on to proxies, where it went to any since the control plane started. */
  readonly rollout: Rollout | undefined;
  /** Likewise of the running commit. */
  readonly runningRollout: Rollout | undefined;
  /** What took its place, or, of one that was never read, the newest; the last of those that took each other's. */
  readonly successor: CommitVerdict | undefined;
  /**
   * What of the commit there is in the running one. `contained`: what it changed. `reverted`: that was taken out again.
   * `missing`: the running one does not stand on it. Undefined: that is not known, as of files that are followed as they lie.
   */
  readonly carried: 'contained' | 'reverted' | 'missing' | undefined;
  /** While the running one is on its way: likewise in the one that ran before, which everybody else has. */
  readonly carriedByBase: 'contained' | 'reverted' | 'missing' | undefined;
  readonly proxies: {
    readonly inSync: number;
    readonly total: number;
    /** Some of those that are away or have not taken everything. */
    readonly behind: readonly string[];
    /** How many are about to take something that they were sent. */
    readonly converging: number;
  };
}

export interface CommitPlace {
  /** What the control plane follows, in words. */
  readonly follows: string;
  /**
   * `unknown`: there is none by that name yet. `newest`: it is about to be read. `beneath`: the newest contains it, and it
   * never was the newest when the control plane looked. `elsewhere`: what is followed does not contain it.
   */
  readonly standing: 'unknown' | 'newest' | 'beneath' | 'elsewhere';
  /** The newest commit, as far as it is known. */
  readonly head: string | undefined;
}

/** POST /v1/approvals; answered with the CommitVerdict of that moment. */
export interface ApprovalRequest {
  readonly commit: string;
  readonly by: string;
}

export interface WaitingCommit {
  readonly commit: string;
  readonly subject: string;
  readonly codes: readonly string[];
}

/** What the gate says among the events of the mesh. */
export type GateEvent =
  /** A gate has been passed or has stopped a commit; `up` does not show it. */
  | ({ readonly kind: 'gate'; readonly commit: string } & PassedGate)
  | {
      /** Nothing but a person's approval is missing. */
      readonly kind: 'waiting';
      readonly commit: string;
      readonly subject: string;
      readonly findings: readonly Finding[];
      readonly sources: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'superseded';
      readonly commit: string;
      readonly subject: string;
      readonly by: string;
    };
