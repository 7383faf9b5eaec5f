import type { Result } from '../../base/result.ts';
import type { SpiffeId } from '../../identity/spiffe-id.ts';
import type { Trust } from '../../identity/trust.ts';
import type { Peer } from '../grpc/peer.ts';
import type { GrpcError } from '../grpc/status.ts';

/** One X.509-SVID with its key, as a workload gets it. */
export interface WorkloadSvid {
  readonly spiffeId: SpiffeId;
  readonly serial: string;
  /** Leaf first, then intermediates, no root. */
  readonly chainDer: readonly Uint8Array[];
  readonly privateKeyPkcs8: Uint8Array;
  readonly notAfterMs: number;
  readonly hint: string;
}

/** Complete state for one caller; the first SVID is its default identity. */
export interface WorkloadView {
  readonly svids: readonly WorkloadSvid[];
  readonly trust: Trust;
}

/**
 * `denied`: no identity fits the caller, or no longer does (PermissionDenied, the client retries). `unavailable`: it
 * passes by itself, such as an agent that starts (Unavailable, never InvalidArgument: that ends a client for good).
 */
export type WorkloadUpdate =
  | { readonly kind: 'view'; readonly view: WorkloadView }
  | { readonly kind: 'denied'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface JwtSvid {
  readonly spiffeId: SpiffeId;
  /** JWS compact serialisation. */
  readonly token: string;
  readonly hint: string;
}

/** Who a caller is and what it gets. */
export interface WorkloadSource {
  /** Calls back with the present state as soon as it is known, and at each change, until the returned function is called. */
  watch(peer: Peer, listener: (update: WorkloadUpdate) => void): () => void;
  /** `spiffeId` left out: one token for each identity of the caller. */
  fetchJwt(
    peer: Peer,
    request: { readonly audience: readonly string[]; readonly spiffeId: SpiffeId | undefined },
  ): Promise<Result<readonly JwtSvid[], GrpcError>>;
}
