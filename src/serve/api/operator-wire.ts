import type { Finding } from '../../base/finding.ts';
import type { OperatorRole } from '../../model/types.ts';

/** What is not done is answered with this, whatever was asked for. */
export interface RefusedReply {
  readonly error: Finding;
}

/** POST /v1/tokens: a token for the operators' API over TCP. */
export interface ApiTokenRequest {
  readonly name: string;
  readonly role: OperatorRole;
  readonly ttlSeconds: number;
  readonly by: string;
}

export interface ApiTokenReply {
  /** Shown here only: its hash is all that is kept. */
  readonly token: string;
  readonly endsMs: number;
  /** Roots of the mesh (PEM), for clients that check the control plane by its SVID. */
  readonly bundlePem: string;
}

/** POST /v1/tokens/NAME/revoke */
export interface ApiTokenRevokeRequest {
  readonly by: string;
}

/** GET /v1/tokens */
export interface ApiTokensReply {
  readonly tokens: readonly ApiTokenInfo[];
}

export interface ApiTokenInfo {
  readonly name: string;
  readonly role: OperatorRole;
  readonly madeMs: number;
  readonly endsMs: number;
  readonly by: string;
}

/** GET /healthz: that it is answered is what it says. */
export interface LiveReply {
  readonly alive: true;
}

/** GET /readyz; 503 when a check does not hold. */
export interface ReadyReply {
  readonly ready: boolean;
  readonly checks: readonly ReadyCheck[];
}

export interface ReadyCheck {
  readonly name: string;
  readonly holds: boolean;
  readonly problem: string | undefined;
}
