import { create, fromBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Resource } from '../../compile/resource.ts';
import { TypedExtensionConfigSchema } from '../../gen/envoy/config/core/v3/extension_pb.js';
import { type Listener, ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from '../../gen/envoy/config/route/v3/route_pb.js';
import { HttpConnectionManagerSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';

interface Inside {
  readonly extensions: ReadonlyMap<string, Resource>;
  readonly frames: ReadonlyMap<string, Uint8Array>;
}

/** The listener with everything inside that it would fetch: policies by ECDS, and by RDS what is around the routes. */
export function inlineListener(bytes: Uint8Array, { extensions, frames }: Inside): Listener {
  const listener = fromBinary(ListenerSchema, bytes);
  for (const chain of listener.filterChains) {
    for (const filter of chain.filters) inlineFilter(filter, extensions);
  }
  return withRoutes(listener, (name) => {
    const frame = fromBinary(RouteConfigurationSchema, frames.get(name) ?? new Uint8Array());
    return { ...frame, name, validateClusters: false };
  });
}

/** Changes what was decoded a moment ago and nobody else has. */
export function withRoutes(
  listener: Listener,
  routesOf: (name: string) => RouteConfiguration,
): Listener {
  for (const { filters } of listener.filterChains) {
    for (const filter of filters) {
      if (filter.configType.case !== 'typedConfig') continue;
      const manager = anyUnpack(filter.configType.value, HttpConnectionManagerSchema);
      if (manager?.routeSpecifier.case !== 'rds') continue;
      const { routeConfigName } = manager.routeSpecifier.value;
      manager.routeSpecifier = { case: 'routeConfig', value: routesOf(routeConfigName) };
      filter.configType.value = anyPack(HttpConnectionManagerSchema, manager);
    }
  }
  return listener;
}

type Filter = Listener['filterChains'][number]['filters'][number];

function inlineFilter(filter: Filter, extensions: ReadonlyMap<string, Resource>): void {
  if (filter.configType.case === 'configDiscovery') {
    const config = configOf(filter.name, extensions) ?? filter.configType.value.defaultConfig;
    if (config !== undefined) filter.configType = { case: 'typedConfig', value: config };
    return;
  }
  if (filter.configType.case !== 'typedConfig') return;
  const manager = anyUnpack(filter.configType.value, HttpConnectionManagerSchema);
  if (manager === undefined) return;
  for (const inner of manager.httpFilters) {
    if (inner.configType.case !== 'configDiscovery') continue;
    const config = configOf(inner.name, extensions) ?? inner.configType.value.defaultConfig;
    if (config !== undefined) inner.configType = { case: 'typedConfig', value: config };
  }
  filter.configType.value = anyPack(
    HttpConnectionManagerSchema,
    create(HttpConnectionManagerSchema, manager),
  );
}

function configOf(name: string, extensions: ReadonlyMap<string, Resource>): Any | undefined {
  const resource = extensions.get(name);
  return resource && fromBinary(TypedExtensionConfigSchema, resource.bytes).typedConfig;
}
