import { create } from '@bufbuild/protobuf';
import type { Position } from '../base/finding.ts';
import { TrafficDirection } from '../gen/envoy/config/core/v3/base_pb.js';
import type { FilterSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js';
import { TcpProxySchema } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { Service } from '../model/types.ts';
import { connectionLog, handshakeLog, type Side } from './access-log.ts';
import { deskUnlessAllowed, deskWhereRouted } from './desk.ts';
import { httpConnectionManagers } from './http.ts';
import { policyFilters } from './http-policy.ts';
import type { Workload } from './inventory.ts';
import {
  appCluster,
  egressListener,
  egressRoutes,
  ingressListener,
  ingressRoutes,
  tcpListener,
  versionCluster,
} from './names.ts';
import { any, type Init, resource } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';
import { tcpAuthorizationFilter } from './tcp-authorization.ts';
import { ingressTls } from './tls.ts';

type ListenerInit = Init<typeof ListenerSchema>;
type NetworkFilter = Init<typeof FilterSchema>;

/** Bounds what one slow peer can make the proxy hold. */
const connectionBufferBytesMax = 1024 * 1024;

const egressManager = httpConnectionManagers({
  side: 'egress',
  routeConfigName: egressRoutes,
  filters: [deskWhereRouted],
});

const ingressManager = httpConnectionManagers({
  side: 'ingress',
  routeConfigName: ingressRoutes,
  filters: [...policyFilters, deskUnlessAllowed],
});

/** Where the application sends its requests: loopback only, plain HTTP, destination by Host or absolute URI. */
export function egressHttpListener(service: Service, workload: Workload): Resource {
  return listener(egressListener, [service.at], {
    ...address('127.0.0.1', workload.egressPort),
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      {
        filters: [egressManager(service.name, workload.id)],
      },
    ],
  });
}

/** A declared TCP upstream on a local port of its own. */
export function egressTcpListener(options: {
  readonly caller: Service;
  readonly callee: Service;
  readonly workload: Workload;
  readonly localPort: number;
  readonly at: Position;
}): Resource {
  const { caller, callee, workload } = options;
  const split = callee.routes.at(-1)?.split.filter((entry) => entry.weight > 0) ?? [];
  return listener(tcpListener(callee.name), [options.at, callee.at], {
    ...address('127.0.0.1', options.localPort),
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      {
        filters: [
          tcpProxy(
            { side: 'egress', service: caller.name, proxy: workload.id },
            `tcp.${callee.name}`,
            {
              case: 'weightedClusters',
              value: {
                clusters: split.map((entry) => ({
                  name: versionCluster(callee.name, entry.version),
                  weight: entry.weight,
                })),
              },
            },
          ),
        ],
      },
    ],
  });
}

/** Where other proxies come in: mutual TLS, then policy, then the application. */
export function ingressListenerFor(service: Service, workload: Workload): Resource {
  const origin = { side: 'ingress' as const, service: service.name, proxy: workload.id };
  const isTcp = service.protocol === 'tcp';
  return listener(ingressListener, [service.at], {
    ...address(workload.address, workload.ingressPort),
    trafficDirection: TrafficDirection.INBOUND,
    accessLog: [handshakeLog(origin)],
    filterChains: [
      {
        transportSocket: ingressTls(isTcp ? ['chancery-tcp'] : ['h2', 'http/1.1']),
        filters: isTcp
          ? [
              tcpAuthorizationFilter,
              tcpProxy(origin, 'app', { case: 'cluster', value: appCluster }),
            ]
          : [ingressManager(service.name, workload.id)],
      },
    ],
  });
}

function tcpProxy(
  origin: { readonly side: Side; readonly service: string; readonly proxy: string },
  statPrefix: string,
  clusterSpecifier: Init<typeof TcpProxySchema>['clusterSpecifier'] & object,
): NetworkFilter {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    configType: {
      case: 'typedConfig',
      value: any(TcpProxySchema, {
        statPrefix,
        clusterSpecifier,
        accessLog: [connectionLog(origin)],
      }),
    },
  };
}

function address(ip: string, port: number): Pick<ListenerInit, 'address'> {
  return {
    address: {
      address: {
        case: 'socketAddress',
        value: { address: ip, portSpecifier: { case: 'portValue', value: port } },
      },
    },
  };
}

function listener(name: string, from: readonly Position[], init: ListenerInit): Resource {
  const message = create(ListenerSchema, {
    ...init,
    name,
    perConnectionBufferLimitBytes: connectionBufferBytesMax,
  });
  return resource({ typeUrl: typeUrls.listener, name, schema: ListenerSchema, message, from });
}
