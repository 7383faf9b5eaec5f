import { create } from '@bufbuild/protobuf';
import type { Position } from '../base/finding.ts';
import { AccessLogSchema } from '../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { AddressSchema } from '../gen/envoy/config/core/v3/address_pb.js';
import { TrafficDirection } from '../gen/envoy/config/core/v3/base_pb.js';
import {
  FilterChainSchema,
  type FilterSchema,
} from '../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js';
import {
  TcpProxySchema,
  UpstreamConnectMode,
} from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { hasGuests } from '../model/principal.ts';
import type { DeskPlace, Service } from '../model/types.ts';
import { connectionLog, handshakeLog, type Side } from './access-log.ts';
import { socketAddress } from './address.ts';
import { desks } from './desk.ts';
import { type Encoded, embedded, joined } from './encoded.ts';
import { withoutForgedTrailers } from './forged.ts';
import { httpConnectionManagers } from './http.ts';
import { policyFilter } from './http-policy.ts';
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
import { clustersOnDemand } from './on-demand.ts';
import { any, duration, encode, encodedResource, type Init, resource } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';
import { tcpAuthorizationFilter } from './tcp-authorization.ts';
import { tcpGateFilter } from './tcp-gate.ts';
import { templated } from './template.ts';
import { ingressTls } from './tls.ts';

type ListenerInit = Init<typeof ListenerSchema>;
type NetworkFilter = Init<typeof FilterSchema>;

/** Bounds what one slow peer can make the proxy hold. */
const connectionBufferBytesMax = 1024 * 1024;

/**
 * What may connect is what the policy says at the moment the connection is opened: who opens one to keep it for after a
 * revocation has this long.
 */
const handshakeTimeoutMs = 10_000;

/** The application hears of nobody before the gate has decided. What comes meanwhile waits in the socket. */
const afterHandshake: Init<typeof TcpProxySchema> = {
  upstreamConnectMode: UpstreamConnectMode.ON_DOWNSTREAM_TLS_HANDSHAKE,
  maxEarlyDataBytes: 0,
};

function egressManager(place: DeskPlace) {
  return httpConnectionManagers({
    side: 'egress',
    routeConfigName: egressRoutes,
    filters: [desks[place].whereRouted, clustersOnDemand],
  });
}

/** An application of HTTP/1 gets no trailers. */
type AppProtocol = 'http' | 'http2';

function ingressManager(place: DeskPlace, app: AppProtocol) {
  const policy = [policyFilter, desks[place].unlessAllowed];
  return httpConnectionManagers({
    side: 'ingress',
    routeConfigName: ingressRoutes,
    filters: app === 'http' ? policy : [withoutForgedTrailers, ...policy],
  });
}

/**
 * Of the listeners of two proxies the parts differ in nothing but names; only the address is encoded anew. They are put
 * together in the order of field numbers, as the encoder writes them.
 */
const fields = ListenerSchema.field;
const egressChains = { agent: egressChain('agent'), pool: egressChain('pool') };
/** With and without guests. */
const ingressChains = { own: ingressChainsOf(false), guests: ingressChainsOf(true) };
const ingressLog = templated((service, proxy) =>
  encode(AccessLogSchema, handshakeLog({ side: 'ingress', service, proxy })),
);
const egressHead = encode(ListenerSchema, { name: egressListener });
const ingressHead = encode(ListenerSchema, { name: ingressListener });
const outboundTail = tail(TrafficDirection.OUTBOUND);
const inboundTail = tail(TrafficDirection.INBOUND);

function egressChain(place: DeskPlace) {
  const manager = egressManager(place);
  return templated((service, proxy) =>
    encode(FilterChainSchema, { filters: [manager(service, proxy)] }),
  );
}

function ingressChainsOf(guests: boolean) {
  return {
    http: httpIngressChains(guests, 'http'),
    http2: httpIngressChains(guests, 'http2'),
    tcp: tcpIngressChain(guests),
  };
}

function httpIngressChains(guests: boolean, app: AppProtocol) {
  return {
    agent: httpIngressChain(guests, 'agent', app),
    pool: httpIngressChain(guests, 'pool', app),
  };
}

function httpIngressChain(guests: boolean, place: DeskPlace, app: AppProtocol) {
  const manager = ingressManager(place, app);
  return templated((service, proxy) =>
    encode(FilterChainSchema, {
      transportSocket: ingressTls(['h2', 'http/1.1'], guests),
      transportSocketConnectTimeout: duration(handshakeTimeoutMs),
      filters: [manager(service, proxy)],
    }),
  );
}

function tcpIngressChain(guests: boolean) {
  return templated((service, proxy) => {
    const origin = { side: 'ingress', service, proxy } as const;
    return encode(FilterChainSchema, {
      transportSocket: ingressTls(['chancery-tcp'], guests),
      transportSocketConnectTimeout: duration(handshakeTimeoutMs),
      filters: [
        tcpGateFilter,
        tcpAuthorizationFilter,
        tcpProxy(origin, 'app', { case: 'cluster', value: appCluster }, afterHandshake),
      ],
    });
  });
}

function tail(trafficDirection: TrafficDirection): Uint8Array {
  return encode(ListenerSchema, {
    trafficDirection,
    perConnectionBufferLimitBytes: connectionBufferBytesMax,
  });
}

/** Where the application sends its requests: loopback only, plain HTTP, destination by Host or absolute URI. */
export function egressHttpListener(
  service: Service,
  workload: Workload,
  place: DeskPlace,
): Resource {
  return encodedResource({
    typeUrl: typeUrls.listener,
    name: egressListener,
    bytes: joined([
      egressHead,
      addressField('127.0.0.1', workload.egressPort),
      embedded(fields.filterChains.number, [egressChains[place](service.name, workload.id)]),
      outboundTail,
    ]),
    from: [service.at],
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
    address: socketAddress('127.0.0.1', options.localPort),
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

function ingressChain(service: Service, place: DeskPlace) {
  const chains = hasGuests(service) ? ingressChains.guests : ingressChains.own;
  switch (service.protocol) {
    case 'tcp':
      return chains.tcp;
    case 'http':
      return chains.http[place];
    case 'http2':
    case 'grpc':
      return chains.http2[place];
  }
}

/** Where other proxies come in: mutual TLS, then policy, then the application. */
export function ingressListenerFor(
  service: Service,
  workload: Workload,
  place: DeskPlace,
): Resource {
  const chain = ingressChain(service, place);
  return encodedResource({
    typeUrl: typeUrls.listener,
    name: ingressListener,
    bytes: joined([
      ingressHead,
      addressField(workload.address, workload.ingressPort),
      embedded(fields.filterChains.number, [chain(service.name, workload.id)]),
      inboundTail,
      embedded(fields.accessLog.number, [ingressLog(service.name, workload.id)]),
    ]),
    from: [service.at],
  });
}

function tcpProxy(
  origin: { readonly side: Side; readonly service: string; readonly proxy: string },
  statPrefix: string,
  clusterSpecifier: Init<typeof TcpProxySchema>['clusterSpecifier'] & object,
  more: Init<typeof TcpProxySchema> = {},
): NetworkFilter {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    configType: {
      case: 'typedConfig',
      value: any(TcpProxySchema, {
        statPrefix,
        clusterSpecifier,
        accessLog: [connectionLog(origin)],
        ...more,
      }),
    },
  };
}

function addressField(ip: string, port: number): Encoded {
  return embedded(fields.address.number, [encode(AddressSchema, socketAddress(ip, port))]);
}

function listener(name: string, from: readonly Position[], init: ListenerInit): Resource {
  const message = create(ListenerSchema, {
    ...init,
    name,
    perConnectionBufferLimitBytes: connectionBufferBytesMax,
  });
  return resource({ typeUrl: typeUrls.listener, name, schema: ListenerSchema, message, from });
}
