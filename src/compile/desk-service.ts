import { parseAddress } from '../cel/cidr.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { RoutingPriority } from '../gen/envoy/config/core/v3/base_pb.js';
import type { GrpcServiceSchema } from '../gen/envoy/config/core/v3/grpc_service_pb.js';
import { PreviousHostsPredicateSchema } from '../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { hostId } from '../identity/spiffe-id.ts';
import type { DeskPlace, Mesh } from '../model/types.ts';
import { endpointAt } from './address.ts';
import { agentCluster, poolCluster } from './names.ts';
import { any, duration, encode, encodedResource, type Init } from './pack.ts';
import { pingedHttp2 } from './pinged-http2.ts';
import { type Resource, typeUrls } from './resource.ts';
import { upstreamTls } from './tls.ts';

/** The desk is on the same host and answers in under a millisecond; past this it counts as down. */
const agentTimeoutMs = 500;
/** A desk elsewhere, and another one where the first is away. */
const poolTimeoutMs = 1_000;
/** A desk that takes longer is as good as away: another one is asked. */
const poolConnectTimeoutMs = 250;
/**
 * How long one desk may take, when there are others: Envoy takes it from the longest pause between two tries. Far above what a
 * busy desk needs, or load alone would have every question asked again.
 */
const poolTryMs = 300;
/** A question changes nothing, and may be asked again. */
const askAgainMax = 3;
/** Of a machine that went without a goodbye nothing comes back; the next ping says so. */
const pingEveryMs = 2_000;
const pingTimeoutMs = 1_000;
/** Questions under way at one moment from one proxy. */
const questionsMax = 16_384;

/** Whom an ext_authz filter asks. */
export const deskServices: Readonly<Record<DeskPlace, Init<typeof GrpcServiceSchema>>> = {
  agent: {
    targetSpecifier: { case: 'envoyGrpc', value: { clusterName: agentCluster } },
    timeout: duration(agentTimeoutMs),
  },
  pool: {
    targetSpecifier: { case: 'envoyGrpc', value: { clusterName: poolCluster } },
    timeout: duration(poolTimeoutMs),
    retryPolicy: {
      retryOn: 'connect-failure,refused-stream,reset,unavailable',
      numRetries: askAgainMax,
      retryBackOff: { baseInterval: duration(5), maxInterval: duration(poolTryMs) },
      retryHostPredicate: [
        {
          name: 'envoy.retry_host_predicates.previous_hosts',
          configType: { case: 'typedConfig', value: any(PreviousHostsPredicateSchema, {}) },
        },
      ],
      hostSelectionRetryMaxAttempts: 5n,
    },
  },
};

const encoded = new WeakMap<Mesh, Resource>();

/**
 * The pool: any of its desks, as far as it answers. The same for every proxy, and there as long as mesh.yaml names it: a proxy
 * that is to ask its agent again asks the pool until the connections of before have ended.
 */
export function deskClusters(mesh: Mesh): readonly Resource[] {
  if (mesh.deskPool.length === 0) return [];
  const known = encoded.get(mesh) ?? clusterOf(mesh);
  encoded.set(mesh, known);
  return [known];
}

function clusterOf({ deskPool, trustDomain }: Mesh): Resource {
  const isNamed = deskPool.some(({ address }) => parseAddress(address) === undefined);
  const type = isNamed ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC;
  const bytes = encode(ClusterSchema, {
    name: poolCluster,
    connectTimeout: duration(poolConnectTimeoutMs),
    clusterDiscoveryType: { case: 'type', value: type },
    ...leftOut,
    circuitBreakers: { thresholds: [thresholds] },
    typedExtensionProtocolOptions: http2,
    transportSocket: upstreamTls({
      // Any other host of the mesh is as little a desk as a workload is.
      spiffeId: deskPool.map(({ host }) => hostId(trustDomain, host)),
      sni: poolCluster,
      alpn: ['h2'],
    }),
    loadAssignment: {
      clusterName: poolCluster,
      endpoints: [{ lbEndpoints: deskPool.map(({ address, port }) => endpointAt(address, port)) }],
    },
  });
  const from = deskPool.map(({ at }) => at);
  return encodedResource({ typeUrl: typeUrls.cluster, name: poolCluster, bytes, from });
}

/**
 * A desk that refuses or does not answer three times in a row gets no questions for some seconds, longer each time; where all
 * are such, all are asked: to answer nothing is left to them.
 */
const leftOut: Init<typeof ClusterSchema> = {
  outlierDetection: {
    consecutive5xx: 3,
    interval: duration(500),
    baseEjectionTime: duration(1_000),
    maxEjectionTime: duration(5_000),
    maxEjectionPercent: 100,
    enforcingSuccessRate: 0,
  },
  commonLbConfig: {
    healthyPanicThreshold: { value: 1 },
    // Unless said, what is left out within a second of another change is asked until that second is over.
    updateMergeWindow: duration(0),
  },
};

/** When a desk dies, all that it was asked is asked again at once. */
const thresholds = {
  priority: RoutingPriority.DEFAULT,
  maxConnections: questionsMax,
  maxPendingRequests: questionsMax,
  maxRequests: questionsMax,
  retryBudget: { budgetPercent: { value: 100 }, minRetryConcurrency: 256 },
};

const http2 = pingedHttp2({ everyMs: pingEveryMs, timeoutMs: pingTimeoutMs });

/** Whether proxies ask the same desks. */
export function sameDesks(a: Mesh, b: Mesh): boolean {
  return a.defaults.desk === b.defaults.desk && deskKey(a) === deskKey(b);
}

/** With the places, which stand in the resource. */
function deskKey({ deskPool }: Mesh): string {
  return JSON.stringify(deskPool);
}
