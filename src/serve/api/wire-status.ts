import type { Finding, Position } from '../../base/finding.ts';
import type { Workload } from '../../compile/inventory.ts';
import type { MeshEvent } from './wire.ts';
import type { WaitingCommit } from './wire-gate.ts';
import type { ReplicaStatus } from './wire-replicas.ts';

/** GET /v1/status, with at in milliseconds: as it was then, without what the ledger does not hold. */
export interface StatusReply {
  readonly atMs: number;
  readonly isPast: boolean;
  readonly mesh: string;
  readonly trustDomain: string;
  readonly commit: string;
  readonly subject: string;
  /** The commit that was refused after the running one, if any. */
  readonly refused: RefusedCommit | undefined;
  /** The commit that goes on once a person approves it, if any. */
  readonly waiting: WaitingCommit | undefined;
  /** The control planes that share the store, first the one that answers. Not of a past time. */
  readonly replicas: readonly ReplicaStatus[];
  /** The desks of the pool; left out where no proxy asks them. Not of a past time. */
  readonly desks?: readonly DeskStatus[];
  readonly workloads: readonly WorkloadStatus[];
  /** What no proxy gets that does not have it, since several refused it. Not of a past time. */
  readonly withheld: readonly WithheldResource[];
  /** What a person must do something about, such as what ends soon. Not of a past time. */
  readonly warnings: readonly Finding[];
  /** Not of a past time. */
  readonly recent: readonly MeshEvent[];
  /** What the xDS service did since it started. Not of a past time. */
  readonly counters: XdsCounts | undefined;
}

export interface RefusedCommit {
  readonly commit: string;
  readonly codes: readonly string[];
  /** The first of what was found; of a past time none. */
  readonly findings: readonly Finding[];
}

/** A desk that proxies of any host ask. */
export interface DeskStatus {
  readonly host: string;
  readonly state: DeskStanding;
  readonly sinceMs: number;
  /** The version of the policy that it decides by, as it told last. */
  readonly policy: string | undefined;
  /** Why it refuses what it is to have. */
  readonly problem: string | undefined;
}

/**
 * `taken`: it decides by what it is to decide by. `behind`: not yet. `refused`: it cannot read that, and goes on with what it has.
 * `away`: no control plane hears of it. `unknown`: it does not tell, or to another control plane, where the policy may be called
 * otherwise.
 */
export type DeskStanding = 'taken' | 'behind' | 'refused' | 'away' | 'unknown';

export interface WorkloadStatus {
  /** Of a past time without what is not recorded of it. */
  readonly workload: Pick<Workload, 'id' | 'service' | 'version' | 'host' | 'state'> &
    Partial<Workload>;
  readonly proxy: ProxyStanding;
  readonly sinceMs: number;
  /** By its host its process answers nothing: what is wrong is not the application. Not of a past time. */
  readonly hangs?: boolean;
  /** What it refused, or is spared since others did. It goes on with the version before. */
  readonly rejected: readonly RejectedResource[];
  /** The first of what it has not taken yet, at the control plane that answers. Not of a past time. */
  readonly waitsFor: readonly AwaitedResource[];
  /** The name of the control plane that it is connected to. Not of a past time. */
  readonly servedBy: string | undefined;
}

/**
 * `away`: no stream. `converging`: something is still to be sent or taken. `stuck`: an answer is not acknowledged in time.
 * `refusing`: all is taken but for what was refused. `converged`: all is taken. `connected`: of a past time, and nothing
 * was refused; what was on its way then is not recorded.
 */
export type ProxyStanding =
  | 'away'
  | 'converging'
  | 'stuck'
  | 'refusing'
  | 'converged'
  | 'connected';

export interface RejectedResource {
  /** Short type and name, such as `Cluster payments`. */
  readonly resource: string;
  readonly version: string;
  /** By this proxy, or by so many others that it is spared this one. */
  readonly state: 'rejected' | 'quarantined';
  readonly sinceMs: number;
  readonly message: string;
  readonly from: readonly Pick<Position, 'file' | 'line'>[];
}

export interface AwaitedResource {
  readonly resource: string;
  readonly state: 'not asked for' | 'to be sent' | 'sent';
  readonly sinceMs: number;
}

export interface WithheldResource extends Omit<RejectedResource, 'state'> {
  /** The first that refused it. */
  readonly proxies: readonly string[];
}

/** Counted since the control plane started. */
export interface XdsCounts {
  /** Open now. */
  readonly streams: number;
  readonly streamsOpened: number;
  readonly pushes: number;
  /** Told a proxy nothing that it did not have: must stay 0. */
  readonly pushesWithoutEffect: number;
  readonly bytes: number;
  readonly acks: number;
  readonly nacks: number;
  /** Not acknowledged in time. */
  readonly stuck: number;
  /** Streams ended since their proxy asked for less than it needs. */
  readonly incomplete: number;
  /** Sent again since it was never confirmed. */
  readonly healed: number;
  readonly quarantined: number;
  /** Streams cut off since their proxy did not read. */
  readonly slowReaders: number;
  /** Streams ended since the control plane goes down. */
  readonly drained: number;
  readonly unknownType: number;
  readonly staleNonce: number;
  readonly forgottenNames: number;
  /** For how long the connected proxy that waits longest has not had all that is meant for it. */
  readonly dirtyAgeMs: number;
}
