import { create } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { clustersOnDemand } from '../../src/compile/on-demand.ts';
import { any, duration, type Init, resource } from '../../src/compile/pack.ts';
import { type MadeAt, type Resource, type Snapshot, typeUrls } from '../../src/compile/resource.ts';
import {
  Cluster_DiscoveryType,
  ClusterSchema,
} from '../../src/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ApiVersion } from '../../src/gen/envoy/config/core/v3/config_source_pb.js';
import { ClusterLoadAssignmentSchema } from '../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../../src/gen/envoy/config/listener/v3/listener_pb.js';
import type { RouteSchema } from '../../src/gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../src/gen/envoy/config/route/v3/route_pb.js';
import { RouterSchema } from '../../src/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';

/** Resources as small as an Envoy takes them, for tests of the protocol. */
const ads = {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: 'ads' as const, value: {} },
};

function socket(port: number) {
  const portSpecifier = { case: 'portValue' as const, value: port };
  const value = { address: '127.0.0.1', portSpecifier };
  return { address: { case: 'socketAddress' as const, value } };
}

export function cluster(name: string, init: Init<typeof ClusterSchema> = {}): Resource {
  const message = create(ClusterSchema, {
    name,
    connectTimeout: duration(1_000),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ads },
    ...init,
  });
  return resource({ typeUrl: typeUrls.cluster, name, schema: ClusterSchema, message, from: [] });
}

export function endpoints(name: string, port?: number): Resource {
  const host = (value: number) => ({
    hostIdentifier: { case: 'endpoint' as const, value: { address: socket(value) } },
  });
  const message = create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: port === undefined ? [] : [{ lbEndpoints: [host(port)] }],
  });
  const schema = ClusterLoadAssignmentSchema;
  return resource({ typeUrl: typeUrls.endpoints, name, schema, message, from: [] });
}

export function listener(name: string, port: number, routes: string, before?: Any): Resource {
  const filters = before === undefined ? [] : [{ name: 'before', value: before }];
  const httpFilters = [...filters, { name: 'router', value: any(RouterSchema, {}) }].map(
    (filter) => ({
      name: filter.name,
      configType: { case: 'typedConfig' as const, value: filter.value },
    }),
  );
  const manager = any(HttpConnectionManagerSchema, {
    statPrefix: name,
    routeSpecifier: { case: 'rds', value: { routeConfigName: routes, configSource: ads } },
    httpFilters,
  });
  const filter = { name: 'http', configType: { case: 'typedConfig' as const, value: manager } };
  const message = create(ListenerSchema, {
    name,
    address: socket(port),
    filterChains: [{ filters: [filter] }],
  });
  return resource({ typeUrl: typeUrls.listener, name, schema: ListenerSchema, message, from: [] });
}

type RouteTo =
  | { readonly cluster: string }
  | { readonly header: string }
  /** A regular expression that no Envoy takes. */
  | { readonly regex: string };

export function routes(name: string, to: RouteTo): Resource {
  return routeConfiguration(name, [routeTo(to)]);
}

export function routeTo(to: RouteTo): Init<typeof RouteSchema> {
  const action =
    'header' in to
      ? { case: 'clusterHeader' as const, value: to.header }
      : { case: 'cluster' as const, value: 'cluster' in to ? to.cluster : 'a' };
  const pathSpecifier =
    'regex' in to
      ? { case: 'safeRegex' as const, value: { regex: to.regex } }
      : { case: 'prefix' as const, value: '/' };
  return {
    match: { pathSpecifier },
    action: { case: 'route', value: { clusterSpecifier: action } },
  };
}

export function routeConfiguration(
  name: string,
  all: readonly Init<typeof RouteSchema>[],
  from: readonly MadeAt[] = [],
): Resource {
  const message = create(RouteConfigurationSchema, {
    name,
    virtualHosts: [{ name: 'all', domains: ['*'], routes: [...all] }],
  });
  const schema = RouteConfigurationSchema;
  return resource({ typeUrl: typeUrls.routes, name, schema, message, from });
}

/** As in every proxy. */
export function onDemandFilter(): Any {
  const { configType } = clustersOnDemand;
  if (configType?.case !== 'typedConfig') throw new Error('it is not in its place');
  return create(AnySchema, configType.value);
}

export function snapshot(...resources: readonly Resource[]): Snapshot {
  const byType = Map.groupBy(resources, ({ typeUrl }) => typeUrl);
  return new Map(
    [...byType].map(([type, those]) => [type, new Map(those.map((one) => [one.name, one]))]),
  );
}
