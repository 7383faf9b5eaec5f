import { type Any, DurationSchema } from '@bufbuild/protobuf/wkt';
import type { CircuitBreakers_ThresholdsSchema } from '../gen/envoy/config/cluster/v3/circuit_breaker_pb.js';
import {
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { RoutingPriority, TransportSocketSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import { ApiVersion } from '../gen/envoy/config/core/v3/config_source_pb.js';
import type {
  HttpProtocolOptionsSchema as CommonHttpSchema,
  Http2ProtocolOptionsSchema,
} from '../gen/envoy/config/core/v3/protocol_pb.js';
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { workloadId } from '../identity/spiffe-id.ts';
import type { Mesh, Protocol, Service, VersionName } from '../model/types.ts';
import { endpointAt } from './address.ts';
import { type Encoded, embedded, embeddedText, joined } from './encoded.ts';
import { http2Limits, http2ToApplication, responseLimits } from './http-limits.ts';
import { appCluster, httpOptionsName, versionCluster } from './names.ts';
import { any, duration, encode, encodedResource, type Init } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';
import { templated } from './template.ts';
import { upstreamTls } from './tls.ts';

/** Envoy's default of 1,024 turns a burst into 503s; the callee's own limits are the place to say less. */
const requestsMax = 16_384;
/** Endpoints are pushed right after the cluster; without them it goes on empty rather than hang (rule G6). */
const endpointsFetchTimeoutMs = 5_000;
/** Below the 5 s keep-alive of common application servers, so that a request never meets a closing connection. */
const appIdleTimeoutMs = 4_000;
/** Connections between proxies are kept; both ends are ours. */
const meshIdleTimeoutMs = 300_000;

/**
 * On loopback a connection takes no time, unless the application has no room left for those that wait: the kernel drops
 * them and tries again after a second, and with as many as that after two and three.
 */
const appConnectTimeoutMs = 3_500;
const hostCleanupMs = 3_600_000;

type Thresholds = Init<typeof CircuitBreakers_ThresholdsSchema>;
const ownShare: Thresholds = {
  retryBudget: { budgetPercent: { value: 20 }, minRetryConcurrency: 10 },
};
/**
 * Envoy fails all that wait for a connection when one fails, and counts none of them as active: of a budget little would be
 * left just then. Each is sent twice again at most, and only what the application has seen nothing of.
 */
const retriesToApplication: Thresholds = { maxRetries: requestsMax };

type CommonHttp = Init<typeof CommonHttpSchema>;

/** One version of a service, as every caller's proxy sees it: the same bytes for all of them. */
export function serviceCluster(mesh: Mesh, service: Service, version: VersionName): Resource {
  const name = versionCluster(service.name, version);
  const { discovery, limits, ways } = serviceParts;
  const { tls, options } = service.protocol === 'tcp' ? ways.tcp : ways.http;
  return encodedResource({
    typeUrl: typeUrls.cluster,
    name,
    bytes: joined([
      embeddedText(fields.name.number, name),
      discovery,
      connectTimeout(mesh.defaults.connectTimeoutMs),
      limits,
      embedded(fields.transportSocket.number, [
        tls(workloadId(mesh.trustDomain, service.name), service.name),
      ]),
      options,
    ]),
    from: [service.at],
  });
}

function connectTimeout(timeoutMs: number): Encoded {
  return embedded(fields.connectTimeout.number, [encode(DurationSchema, duration(timeoutMs))]);
}

/** The application beside the proxy, in the protocol its file declares. */
export function localAppCluster(service: Service, appPort: number): Resource {
  return encodedResource({
    typeUrl: typeUrls.cluster,
    name: appCluster,
    bytes: service.protocol === 'tcp' ? tcpApp(appPort) : httpApp(service.protocol, appPort),
    from: [service.at],
  });
}

function httpApp(protocol: Exclude<Protocol, 'tcp'>, appPort: number): Uint8Array {
  const assignment = encode(ClusterLoadAssignmentSchema, {
    clusterName: appCluster,
    endpoints: [{ lbEndpoints: [endpointAt('127.0.0.1', appPort)] }],
  });
  return joined([
    appParts.head,
    embedded(fields.loadAssignment.number, [assignment]),
    appParts.options[protocol],
  ]);
}

/** It has a host only for a connection that the gate has let in: the address comes from there. */
function tcpApp(appPort: number): Uint8Array {
  return encode(ClusterSchema, {
    name: appCluster,
    connectTimeout: duration(appConnectTimeoutMs),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    lbConfig: { case: 'originalDstLbConfig', value: { upstreamPortOverride: appPort } },
    // There is but one, and nothing to clean up.
    cleanupInterval: duration(hostCleanupMs),
    circuitBreakers: thresholds(),
  });
}

const http1Options: Any = any(HttpProtocolOptionsSchema, {
  commonHttpProtocolOptions: {
    idleTimeout: duration(appIdleTimeoutMs),
    ...responseLimits('application'),
  },
  upstreamProtocolOptions: {
    case: 'explicitHttpConfig',
    value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } },
  },
});

/** HTTP/2 with prior knowledge. */
function http2To(peer: 'application' | 'proxy'): Any {
  return http2With(peer === 'application' ? http2ToApplication : http2Limits, responseLimits(peer));
}

function http2With(value: Init<typeof Http2ProtocolOptionsSchema>, more: CommonHttp = {}): Any {
  return any(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { idleTimeout: duration(meshIdleTimeoutMs), ...more },
    upstreamProtocolOptions: {
      case: 'explicitHttpConfig',
      value: { protocolConfig: { case: 'http2ProtocolOptions', value } },
    },
  });
}

/** To what is our own, control plane and desk, with Envoy's windows: a large mesh is not to wait. */
export const http2Options: Any = http2With({});

function thresholds(retries: Thresholds = ownShare) {
  return {
    thresholds: [
      {
        priority: RoutingPriority.DEFAULT,
        maxConnections: requestsMax,
        maxPendingRequests: requestsMax,
        maxRequests: requestsMax,
        ...retries,
      },
    ],
  };
}

function tlsWith(alpn: string) {
  return templated((spiffeId, sni) =>
    encode(TransportSocketSchema, upstreamTls({ spiffeId, sni, alpn: [alpn] })),
  );
}

function protocolOptions(options: Record<string, Any>): Uint8Array {
  return encode(ClusterSchema, { typedExtensionProtocolOptions: options });
}

/**
 * What many clusters have in common, in the order of field numbers, as the encoder writes them: encoded once. A cluster adds
 * its names, its timeout or its port.
 */
const fields = ClusterSchema.field;
const serviceParts = {
  discovery: encode(ClusterSchema, {
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      edsConfig: {
        resourceApiVersion: ApiVersion.V3,
        initialFetchTimeout: duration(endpointsFetchTimeoutMs),
        configSourceSpecifier: { case: 'ads', value: {} },
      },
    },
  }),
  limits: encode(ClusterSchema, { circuitBreakers: thresholds() }),
  ways: {
    tcp: { tls: tlsWith('chancery-tcp'), options: serviceOptions({}) },
    http: { tls: tlsWith('h2'), options: serviceOptions({ [httpOptionsName]: http2To('proxy') }) },
  },
} as const;

function serviceOptions(options: Record<string, Any>): Uint8Array {
  return encode(ClusterSchema, {
    ignoreHealthOnHostRemoval: true,
    typedExtensionProtocolOptions: options,
  });
}

const appHttp2 = protocolOptions({ [httpOptionsName]: http2To('application') });
const appParts: {
  readonly head: Uint8Array;
  readonly options: Readonly<Record<Exclude<Protocol, 'tcp'>, Uint8Array>>;
} = {
  head: encode(ClusterSchema, {
    name: appCluster,
    connectTimeout: duration(appConnectTimeoutMs),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    circuitBreakers: thresholds(retriesToApplication),
  }),
  options: {
    http: protocolOptions({ [httpOptionsName]: http1Options }),
    http2: appHttp2,
    grpc: appHttp2,
  },
};
