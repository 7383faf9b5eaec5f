import {
  type RetryPolicySchema,
  type RouteActionSchema,
  type RouteSchema,
  VirtualHostSchema,
} from '../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import type { Mesh, Retry, Route, Service } from '../model/types.ts';
import { askDesk } from './desk.ts';
import { embedded, joined } from './encoded.ts';
import { envoyMatch } from './match.ts';
import { authzFilter, egressRoutes, metadataKey, versionCluster } from './names.ts';
import { duration, encode, encodedResource, type Init } from './pack.ts';
import { type MadeAt, type Resource, typeUrls } from './resource.ts';
import { templated } from './template.ts';

type EnvoyRoute = Init<typeof RouteSchema>;
type RetryInit = Init<typeof RetryPolicySchema>;

/** Repeats only what cannot have reached the application: no connection, a refused stream, nothing written yet. */
const retryUnsent = 'connect-failure,refused-stream,reset-before-request';
const retryFailed = `${retryUnsent},reset,5xx`;
const defaultRetryCount = 2;
/** Methods that RFC 9110 section 9.2.1 calls safe. */
const safeMethods = ['GET', 'HEAD', 'OPTIONS'];

/** A field of the routes, encoded once and copied into those of each caller. */
export interface VirtualHostPart {
  readonly bytes: Uint8Array;
  /** Of each of its routes. */
  readonly from: readonly MadeAt[];
}

/** How every caller reaches one service. */
export function virtualHostPart(mesh: Mesh, service: Service): VirtualHostPart {
  const bytes = encode(VirtualHostSchema, {
    name: service.name,
    domains: [service.name],
    routes: service.routes.flatMap((route) => envoyRoutes(mesh, service, route)),
    includeRequestAttemptCount: true,
  });
  const from = service.routes.map((route) => ({ ...route.at, part: partName(service, route) }));
  return { bytes: joined([embedded(virtualHostsField, [bytes])]), from };
}

function partName(service: Service, route: Route): string {
  return `${service.name}/${route.id}`;
}

function envoyRoutes(mesh: Mesh, service: Service, route: Route): EnvoyRoute[] {
  const timeoutMs = route.timeoutMs ?? mesh.defaults.timeoutMs;
  const build = (suffix: string, retryPolicy: RetryInit, methods?: readonly string[]) => ({
    name: `${partName(service, route)}${suffix}`,
    match: envoyMatch(route.match, methods),
    metadata: { filterMetadata: { [metadataKey]: { route: partName(service, route) } } },
    action: {
      case: 'route' as const,
      value: { ...target(service, route), timeout: duration(timeoutMs), retryPolicy },
    },
  });
  const { retry } = route;
  if (retry === undefined) return [build('', unsentOnly())];
  if (retry.on === 'always') return [build('', failedToo(retry))];
  if (route.match.method !== undefined && route.match.method !== '*') {
    return [build('', safeMethods.includes(route.match.method) ? failedToo(retry) : unsentOnly())];
  }
  return [build('/safe', failedToo(retry), safeMethods), build('', unsentOnly())];
}

function target(
  service: Service,
  route: Route,
): Pick<Init<typeof RouteActionSchema>, 'clusterSpecifier'> {
  const weighted = route.split.filter((entry) => entry.weight > 0);
  const [only] = weighted;
  if (weighted.length === 1 && only !== undefined) {
    const value = versionCluster(service.name, only.version);
    return { clusterSpecifier: { case: 'cluster', value } };
  }
  return {
    clusterSpecifier: {
      case: 'weightedClusters',
      value: {
        clusters: weighted.map((entry) => ({
          name: versionCluster(service.name, entry.version),
          weight: entry.weight,
        })),
      },
    },
  };
}

function unsentOnly(): RetryInit {
  return {
    retryOn: retryUnsent,
    numRetries: defaultRetryCount,
    retryBackOff: { baseInterval: duration(10), maxInterval: duration(100) },
  };
}

function failedToo(retry: Retry): RetryInit {
  return {
    retryOn: retryFailed,
    numRetries: retry.attempts,
    retryBackOff: { baseInterval: duration(25), maxInterval: duration(250) },
    ...(retry.perTryTimeoutMs === undefined
      ? {}
      : { perTryTimeout: duration(retry.perTryTimeoutMs) }),
  };
}

/**
 * All destinations of one caller. Any other host goes to the policy desk, which answers why there is no way
 * there; the direct response behind it is only what a desk that allows would leave.
 */
export function egressRouteConfiguration(options: {
  readonly caller: Service;
  readonly virtualHosts: readonly VirtualHostPart[];
}): Resource {
  const { caller, virtualHosts } = options;
  return encodedResource({
    typeUrl: typeUrls.routes,
    name: egressRoutes,
    // A caller's many virtual hosts are only copied.
    bytes: joined([
      beforeVirtualHosts,
      ...virtualHosts.map(({ bytes }) => bytes),
      embedded(virtualHostsField, [unknownDestination(caller.name)]),
      afterVirtualHosts,
    ]),
    from: [caller.at, ...virtualHosts.flatMap(({ from }) => from)],
  });
}

const virtualHostsField = RouteConfigurationSchema.field.virtualHosts.number;
const beforeVirtualHosts = encode(RouteConfigurationSchema, { name: egressRoutes });
const afterVirtualHosts = encode(RouteConfigurationSchema, {
  maxDirectResponseBodySizeBytes: 4096,
});

const unknownDestination = templated((caller) =>
  encode(VirtualHostSchema, {
    name: 'unknown-destination',
    domains: ['*'],
    routes: [
      {
        name: 'unknown-destination',
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        metadata: { filterMetadata: { [metadataKey]: { route: 'unknown-destination' } } },
        action: {
          case: 'directResponse',
          value: {
            status: 403,
            body: {
              specifier: { case: 'inlineString', value: 'CH2103: no way to this destination\n' },
            },
          },
        },
        typedPerFilterConfig: { [authzFilter]: askDesk('egress', caller) },
      },
    ],
  }),
);
