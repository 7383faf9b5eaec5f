import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { RoutingPriority } from '../gen/envoy/config/core/v3/base_pb.js';
import { ApiVersion } from '../gen/envoy/config/core/v3/config_source_pb.js';
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { Mesh, Protocol, Service, VersionName } from '../model/types.ts';
import { appCluster, versionCluster } from './names.ts';
import { any, duration, resource } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';
import { serviceTls } from './tls.ts';

/** Envoy's default of 1,024 turns a burst into 503s; the callee's own limits are the place to say less. */
const requestsMax = 16_384;
/** Endpoints are pushed right after the cluster; without them it goes on empty rather than hang (rule G6). */
const endpointsFetchTimeoutMs = 5_000;
/** Below the 5 s keep-alive of common application servers, so that a request never meets a closing connection. */
const appIdleTimeoutMs = 4_000;
/** Connections between proxies are kept; both ends are ours. */
const meshIdleTimeoutMs = 300_000;

const httpOptionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** One version of a service, as every caller's proxy sees it: the same bytes for all of them. */
export function serviceCluster(mesh: Mesh, service: Service, version: VersionName): Resource {
  const name = versionCluster(service.name, version);
  const isTcp = service.protocol === 'tcp';
  const message = create(ClusterSchema, {
    name,
    connectTimeout: duration(mesh.defaults.connectTimeoutMs),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      edsConfig: {
        resourceApiVersion: ApiVersion.V3,
        initialFetchTimeout: duration(endpointsFetchTimeoutMs),
        configSourceSpecifier: { case: 'ads', value: {} },
      },
    },
    circuitBreakers: thresholds(),
    transportSocket: serviceTls(mesh.trustDomain, service.name, isTcp ? ['chancery-tcp'] : ['h2']),
    typedExtensionProtocolOptions: isTcp ? {} : { [httpOptionsName]: http2Options },
    ignoreHealthOnHostRemoval: true,
  });
  return resource({
    typeUrl: typeUrls.cluster,
    name,
    schema: ClusterSchema,
    message,
    from: [service.at],
  });
}

/** The application beside the proxy, in the protocol its file declares. */
export function localAppCluster(service: Service, appPort: number): Resource {
  const message = create(ClusterSchema, {
    name: appCluster,
    connectTimeout: duration(1_000),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    loadAssignment: {
      clusterName: appCluster,
      endpoints: [{ lbEndpoints: [loopbackEndpoint(appPort)] }],
    },
    circuitBreakers: thresholds(),
    typedExtensionProtocolOptions: appProtocolOptions(service.protocol),
  });
  return resource({
    typeUrl: typeUrls.cluster,
    name: appCluster,
    schema: ClusterSchema,
    message,
    from: [service.at],
  });
}

function loopbackEndpoint(port: number) {
  return {
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        address: {
          address: {
            case: 'socketAddress' as const,
            value: {
              address: '127.0.0.1',
              portSpecifier: { case: 'portValue' as const, value: port },
            },
          },
        },
      },
    },
  };
}

function appProtocolOptions(protocol: Protocol): Record<string, Any> {
  switch (protocol) {
    case 'tcp':
      return {};
    case 'http':
      return { [httpOptionsName]: http1Options };
    case 'http2':
    case 'grpc':
      return { [httpOptionsName]: http2Options };
  }
}

const http1Options: Any = any(HttpProtocolOptionsSchema, {
  commonHttpProtocolOptions: { idleTimeout: duration(appIdleTimeoutMs) },
  upstreamProtocolOptions: {
    case: 'explicitHttpConfig',
    value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } },
  },
});

/** HTTP/2 with prior knowledge; `allowConnect` carries WebSocket upgrades. */
export const http2Options: Any = any(HttpProtocolOptionsSchema, {
  commonHttpProtocolOptions: { idleTimeout: duration(meshIdleTimeoutMs) },
  upstreamProtocolOptions: {
    case: 'explicitHttpConfig',
    value: {
      protocolConfig: { case: 'http2ProtocolOptions', value: { allowConnect: true } },
    },
  },
});

function thresholds() {
  return {
    thresholds: [
      {
        priority: RoutingPriority.DEFAULT,
        maxConnections: requestsMax,
        maxPendingRequests: requestsMax,
        maxRequests: requestsMax,
        retryBudget: { budgetPercent: { value: 20 }, minRetryConcurrency: 10 },
      },
    ],
  };
}
