import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { endpointAt, socketAddress } from '../../compile/address.ts';
import { http2Options } from '../../compile/clusters.ts';
import { desks } from '../../compile/desk.ts';
import { httpConnectionManagers } from '../../compile/http.ts';
import { agentCluster, httpOptionsName } from '../../compile/names.ts';
import { duration } from '../../compile/pack.ts';
import { BootstrapSchema } from '../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { type Listener, ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import {
  type VirtualHost,
  VirtualHostSchema,
} from '../../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.js';
import type { Part } from './envoy-parts.ts';
import { inlineListener, withRoutes } from './inline-listener.ts';

const probeManager = httpConnectionManagers({
  side: 'egress',
  routeConfigName: 'probe',
  filters: [desks.agent.whereRouted],
});

/**
 * Parts as one static bootstrap, which Envoy can judge without a control plane: endpoints are one placeholder, what
 * comes by RDS and ECDS stands inside, and each listener has an address of its own in 127/8. Secrets stay where the
 * agent would give them. Serialized.
 */
export function probeBootstrap(parts: readonly Part[]): Uint8Array {
  const clusters = parts.flatMap((part, index) => clustersOf(part, index));
  const listeners = parts.flatMap((part, index) => listenersOf(part, index));
  const routes = routeListeners(parts, parts.length);
  const bootstrap = create(BootstrapSchema, {
    node: { id: 'gate', cluster: 'gate' },
    staticResources: {
      clusters: [agent(), ...uniquelyNamed(clusters)],
      listeners: [...listeners, ...routes],
    },
  });
  return toBinary(BootstrapSchema, bootstrap);
}

function agent(): Cluster {
  return create(ClusterSchema, {
    name: agentCluster,
    connectTimeout: duration(1_000),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    typedExtensionProtocolOptions: {
      [httpOptionsName]: http2Options,
    },
    loadAssignment: placeholder(agentCluster),
  });
}

function placeholder(clusterName: string): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName,
    endpoints: [{ lbEndpoints: [endpointAt('127.0.0.1', 1)] }],
  });
}

function clustersOf(part: Part, index: number): Cluster[] {
  switch (part.kind) {
    case 'cluster':
      return [staticCluster(part.resource.bytes)];
    case 'listeners': {
      if (part.app === undefined) return [];
      const cluster = fromBinary(ClusterSchema, part.app.bytes);
      return [create(ClusterSchema, { ...cluster, name: `${cluster.name}/${index}` })];
    }
    case 'virtual-host':
      return [];
  }
}

function staticCluster(bytes: Uint8Array): Cluster {
  const cluster = fromBinary(ClusterSchema, bytes);
  const { edsClusterConfig, ...rest } = cluster;
  if (edsClusterConfig === undefined) return cluster;
  return create(ClusterSchema, {
    ...rest,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    loadAssignment: placeholder(cluster.name),
  });
}

/** Two contents of one name in one commit are a matter of references; Envoy is to judge both. */
function uniquelyNamed(clusters: readonly Cluster[]): Cluster[] {
  const taken = new Set<string>();
  return clusters.map((cluster, index) => {
    const name = taken.has(cluster.name) ? `${cluster.name}/${index}` : cluster.name;
    taken.add(name);
    return name === cluster.name ? cluster : create(ClusterSchema, { ...cluster, name });
  });
}

function listenersOf(part: Part, index: number): Listener[] {
  if (part.kind !== 'listeners') return [];
  const seen: string[] = [];
  return part.listeners.map((resource) => {
    const listener = inlineListener(resource.bytes, part);
    const [ip, port] = addressOf(listener);
    // The same address twice stays the same address twice: that is for Envoy to refuse.
    const known = seen.indexOf(`${ip}:${port}`);
    const place = known === -1 ? seen.push(`${ip}:${port}`) - 1 : known;
    return { ...listener, name: `${index}/${listener.name}`, ...at(index, place) };
  });
}

function addressOf(listener: Listener): readonly [string, number] {
  const address = listener.address?.address;
  if (address?.case !== 'socketAddress') return ['', 0];
  const { portSpecifier } = address.value;
  return [address.value.address, portSpecifier.case === 'portValue' ? portSpecifier.value : 0];
}

const firstPort = 10_000;

function at(index: number, place: number): Pick<Listener, 'address'> {
  const address = `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
  const { address: made } = create(ListenerSchema, {
    address: socketAddress(address, firstPort + place),
  });
  return made === undefined ? {} : { address: made };
}

/** Virtual hosts in as few route configurations as their domains allow, each with a listener around it. */
function routeListeners(parts: readonly Part[], firstIndex: number): Listener[] {
  const groups: { readonly hosts: VirtualHost[]; readonly taken: Set<string> }[] = [];
  parts.forEach((part, index) => {
    if (part.kind !== 'virtual-host') return;
    const host = hostOf(part, index);
    const marks = [`name ${host.name}`, ...host.domains];
    const free = groups.find(({ taken }) => !marks.some((mark) => taken.has(mark)));
    const group = free ?? { hosts: [], taken: new Set<string>() };
    if (free === undefined) groups.push(group);
    group.hosts.push(host);
    for (const mark of marks) group.taken.add(mark);
  });
  return groups.map(({ hosts }, place) => routeListener(hosts, firstIndex + place));
}

/** A host for everything is in every proxy; here it gets a domain of its own. */
function hostOf(part: Part & { kind: 'virtual-host' }, index: number): VirtualHost {
  const host = fromBinary(VirtualHostSchema, part.bytes);
  const routes =
    part.onlyRoute === undefined
      ? host.routes
      : host.routes.slice(part.onlyRoute, part.onlyRoute + 1);
  if (!host.domains.includes('*')) return { ...host, routes };
  const domains = host.domains.map((domain) => (domain === '*' ? `any-${index}.probe` : domain));
  return { ...host, name: `${host.name}/${index}`, domains, routes };
}

function routeListener(virtualHosts: VirtualHost[], index: number): Listener {
  // Which clusters there are is looked at over whole proxies, with words of our own.
  const routes = create(RouteConfigurationSchema, {
    name: 'probe',
    virtualHosts,
    validateClusters: false,
    maxDirectResponseBodySizeBytes: 4096,
  });
  const filter = probeManager('gate', 'gate');
  const listener = create(ListenerSchema, {
    name: `routes/${index}`,
    filterChains: [{ filters: [filter] }],
    ...at(index, 0),
  });
  return withRoutes(listener, () => routes);
}
