import type { Position } from '../../base/finding.ts';
import type { Grant } from '../../breakglass/grant.ts';

/** GET /v1/breakglass, newest first, and /v1/breakglass/ID for one. */
export interface BreakglassReply {
  readonly grants: readonly GrantInfo[];
}

export interface GrantInfo {
  readonly grant: Grant;
  /** What hosts have told of. */
  readonly uses: number;
  readonly lastUseMs: number | undefined;
}

/** POST /v1/breakglass */
export interface BreakglassRequest {
  readonly who: string;
  readonly callee: string;
  /** As `to` of a rule, one a line; everything when left out. */
  readonly operations?: string;
  readonly forMs: number;
  readonly reason: string;
  readonly ticket?: string;
  readonly by: string;
}

/** POST /v1/breakglass/ID/approve and /v1/breakglass/ID/revoke */
export interface BreakglassStepRequest {
  readonly by: string;
}

export interface BreakglassStepReply {
  readonly grant: Grant;
  /** Undefined: nothing was to change anywhere. */
  readonly reach: GrantReach | undefined;
  /** Deny rules that stay above all or a part of it. */
  readonly denials: readonly {
    readonly rule: string;
    readonly at: Pick<Position, 'file' | 'line'>;
  }[];
}

/** Where a change of grants is in effect. */
export interface GrantReach {
  /** Hosts that are there, and those among them whose desk and proxies have it. */
  readonly hosts: number;
  readonly live: number;
  readonly tookMs: number;
  /** The first of those that have not. */
  readonly behind: readonly { readonly host: string; readonly why: string }[];
  /** Hosts that no control plane hears of: what they have been told ends there by itself. */
  readonly away: readonly string[];
}
