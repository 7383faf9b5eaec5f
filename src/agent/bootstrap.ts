import { isIP } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { socketAddress } from '../compile/address.ts';
import { http2Options } from '../compile/clusters.ts';
import {
  agentCluster,
  controlPlaneCluster,
  httpOptionsName,
  nodeLabels,
  tcpCallersLayer,
} from '../compile/names.ts';
import { duration } from '../compile/pack.ts';
import { pingedHttp2 } from '../compile/pinged-http2.ts';
import { upstreamTls } from '../compile/tls.ts';
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { Cluster_DiscoveryType } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { RoutingPriority } from '../gen/envoy/config/core/v3/base_pb.js';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
} from '../gen/envoy/config/core/v3/config_source_pb.js';
import type { ServerAddress } from './host-file.ts';
import { limitsLayer, overloadManager } from './proxy-limits.ts';

export interface BootstrapOptions {
  /** Node id; the control plane holds it against the SVID. */
  readonly workload: string;
  readonly service: string;
  /** Unix sockets, at most 107 bytes (sun_path). */
  readonly agentSocket: string;
  readonly adminSocket: string;
  readonly controlPlane: {
    /** Each control plane of the mesh; any of them serves any proxy. */
    readonly servers: readonly ServerAddress[];
    readonly spiffeId: string;
  };
}

/**
 * The only configuration a proxy gets by file: where its agent and its control plane are. Everything else comes
 * over the delta ADS stream, which is authenticated with the workload's own SVID.
 */
export function proxyBootstrap(options: BootstrapOptions): Uint8Array {
  return toBinary(BootstrapSchema, bootstrapMessage(options));
}

function bootstrapMessage(options: BootstrapOptions) {
  const { controlPlane } = options;
  return create(BootstrapSchema, {
    node: {
      ...{ id: options.workload, cluster: options.service },
      metadata: { [nodeLabels]: { proxy: options.workload } },
    },
    admin: { address: pipe(options.adminSocket) },
    // Histograms are as new as the question; Envoy's own pace of 5 s is as long as a wave is looked at.
    statsFlush: { case: 'statsFlushOnAdmin', value: true },
    layeredRuntime: { layers: [limitsLayer, tcpCallers] },
    overloadManager,
    staticResources: {
      clusters: [
        {
          ...staticCluster(agentCluster, [pipe(options.agentSocket)]),
          circuitBreakers: { thresholds: [questions] },
        },
        {
          ...staticCluster(controlPlaneCluster, controlPlane.servers.map(tcp)),
          ...moveOn(controlPlane.servers),
          typedExtensionProtocolOptions: pinged,
          transportSocket: upstreamTls({
            spiffeId: controlPlane.spiffeId,
            sni: 'control-plane',
            alpn: ['h2'],
          }),
          upstreamConnectionOptions: {
            tcpKeepalive: {
              keepaliveProbes: 3,
              keepaliveTime: 10,
              keepaliveInterval: 5,
            },
          },
        },
      ],
    },
    dynamicResources: {
      adsConfig: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        // Without it every ACK carries the 61 KB node (rule A8).
        setNodeOnFirstMessageOnly: true,
        grpcServices: [
          {
            targetSpecifier: {
              case: 'envoyGrpc',
              value: {
                clusterName: controlPlaneCluster,
                // The default back-off waits some 12 s after a short outage (rule A13).
                retryPolicy: {
                  retryBackOff: { baseInterval: duration(100), maxInterval: duration(2_000) },
                },
              },
            },
          },
        ],
      },
      cdsConfig: {
        resourceApiVersion: ApiVersion.V3,
        configSourceSpecifier: { case: 'ads', value: {} },
      },
      ldsConfig: {
        resourceApiVersion: ApiVersion.V3,
        configSourceSpecifier: { case: 'ads', value: {} },
      },
    },
  });
}

/**
 * Envoy asks for nothing else before, and a control plane of a version before does not answer. Without it new connections are
 * decided about all the same.
 */
const runtimeFetchTimeoutMs = 1_000;

/** A proxy of another service has nothing in it. */
const tcpCallers = {
  name: tcpCallersLayer,
  layerSpecifier: {
    case: 'rtdsLayer' as const,
    value: {
      name: tcpCallersLayer,
      rtdsConfig: {
        resourceApiVersion: ApiVersion.V3,
        configSourceSpecifier: { case: 'ads' as const, value: {} },
        initialFetchTimeout: duration(runtimeFetchTimeoutMs),
      },
    },
  },
};

/**
 * As many as a desk answers before the last of them would have waited in vain; the rest hears at once that it is not
 * reached. Envoy's own; said here, so that no other version has another.
 */
const questionsMax = 1_024;
const questions = {
  priority: RoutingPriority.DEFAULT,
  maxConnections: questionsMax,
  maxPendingRequests: questionsMax,
  maxRequests: questionsMax,
};

/**
 * A stream that ends is opened again at the next control plane, round by round. One that refuses or does not answer is left out
 * for some seconds; when all are, all are tried.
 */
function moveOn(servers: readonly ServerAddress[]) {
  const isNamed = servers.some(({ host }) => isIP(host) === 0);
  const type = isNamed ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC;
  return {
    clusterDiscoveryType: { case: 'type' as const, value: type },
    ...(servers.length < 2
      ? {}
      : {
          outlierDetection: {
            consecutive5xx: 1,
            interval: duration(1_000),
            baseEjectionTime: duration(3_000),
            maxEjectionTime: duration(10_000),
            maxEjectionPercent: 100,
          },
        }),
  };
}

/**
 * A control plane that hangs holds its connections: its kernel goes on answering, and only a ping that comes back in vain tells.
 * A proxy has left it after 20 s and the jitter of 15 %. It asks while nothing else moves, which is most of the time.
 */
const pinged = pingedHttp2({ everyMs: 10_000, timeoutMs: 10_000 });

function staticCluster(
  name: string,
  addresses: readonly (ReturnType<typeof pipe> | ReturnType<typeof tcp>)[],
) {
  return {
    name,
    connectTimeout: duration(2_000),
    clusterDiscoveryType: { case: 'type' as const, value: Cluster_DiscoveryType.STATIC },
    typedExtensionProtocolOptions: { [httpOptionsName]: http2Options },
    loadAssignment: {
      clusterName: name,
      endpoints: [
        {
          lbEndpoints: addresses.map((address) => ({
            hostIdentifier: { case: 'endpoint' as const, value: { address } },
          })),
        },
      ],
    },
  };
}

function pipe(path: string) {
  return { address: { case: 'pipe' as const, value: { path } } };
}

function tcp({ host, port }: ServerAddress) {
  return socketAddress(host, port);
}
