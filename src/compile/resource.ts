import type { Position } from '../base/finding.ts';

/** The xDS types Chancery serves, by short name. */
export const typeUrls = {
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  runtime: 'type.googleapis.com/envoy.service.runtime.v3.Runtime',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  routes: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  extension: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
} as const;

export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls];

/** The last word of the type, for people and for the ledger: `Cluster`. */
export function shortType(type: TypeUrl): string {
  return type.slice(type.lastIndexOf('.') + 1);
}

/** A place in the intent that made a resource, or a part of it. */
export interface MadeAt extends Position {
  /** For routes: `service/route`. Undefined: it made the whole. */
  readonly part?: string;
}

/** One xDS resource, encoded once and shared by every proxy that has it. */
export interface Resource {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  /** Hash of the content (for endpoints: also of the versions of the clusters that use them, rule G1). */
  readonly version: string;
  /** The serialized message: the `value` of the `google.protobuf.Any`. */
  readonly bytes: Uint8Array;
  /** The places in the intent that made it: of the whole, most specific first, then of parts. Shown with a NACK. */
  readonly from: readonly MadeAt[];
}

/** All resources of one proxy, by type and name. Immutable; unchanged resources are the same objects. */
export type Snapshot = ReadonlyMap<TypeUrl, ReadonlyMap<string, Resource>>;
