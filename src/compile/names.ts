import type { ServiceName, VersionName } from '../model/types.ts';

/** Names of compiled resources and of the static clusters in every proxy's bootstrap. One place, so that they agree. */
export const egressListener = 'egress';
export const ingressListener = 'ingress';
export const egressRoutes = 'egress';
export const ingressRoutes = 'ingress';
/** The local application. */
export const appCluster = 'app';
/** The agent's socket of this workload: SDS and the policy desk. */
export const agentCluster = 'agent';
/** Policy desks of other hosts, where mesh.yaml sends proxies to them. */
export const poolCluster = 'authz-pool';
/** The control plane: ADS. */
export const controlPlaneCluster = 'control-plane';
/** The workload's own certificate and key. */
export const ownSecret = 'default';
/** The SPIFFE validator with the bundle of the own trust domain. */
export const trustSecret = 'ROOTCA';
/** The same with the bundles of all peers, each for its own trust domain. */
export const allTrustSecret = 'ALL';
/** Who may have a TCP connection, for those that are open: a layer of the proxy's runtime. */
export const tcpCallersLayer = 'tcp-callers';
export const authzFilter = 'chancery.authz';
/** Of the filter and of its policy. Another one when a listener of before could not do with the policy of after. */
export const rbacName = 'chancery.policy';
/** Under which RBAC filters tell what they decided, whatever their name. */
export const rbacFilter = 'envoy.filters.http.rbac';
/** The key of Chancery's own metadata on routes. */
export const metadataKey = 'chancery';
/** In the metadata of the node: what a proxy says of itself to a desk of the pool. */
export const nodeLabels = 'chancery';
/** Written to the proxy's working folder, which differs by host; the resource does not. */
export const accessLogFile = 'access.jsonl';

export function versionCluster(service: ServiceName, version: VersionName): string {
  return `${service}/${version}`;
}

export function tcpListener(service: ServiceName): string {
  return `tcp/${service}`;
}

/** By it Envoy finds how a cluster speaks HTTP. */
export const httpOptionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
