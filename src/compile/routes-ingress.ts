import { create } from '@bufbuild/protobuf';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import type { Service } from '../model/types.ts';
import { askDesk } from './desk.ts';
import { appCluster, authzFilter, ingressRoutes, metadataKey } from './names.ts';
import { duration, resource } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';

/**
 * What may reach the application. Only the service's own name is served: a request for another host, also
 * one in absolute form, is answered 421 (RFC 9110 section 15.5.20).
 */
export function ingressRouteConfiguration(service: Service): Resource {
  const message = create(RouteConfigurationSchema, {
    name: ingressRoutes,
    virtualHosts: [
      {
        name: service.name,
        domains: [service.name],
        routes: [
          {
            name: `${service.name}/app`,
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            metadata: { filterMetadata: { [metadataKey]: { route: `${service.name}/app` } } },
            action: {
              case: 'route',
              value: {
                clusterSpecifier: { case: 'cluster', value: appCluster },
                // The caller's route owns the timeout; the stream idle timeout guards this side.
                timeout: duration(0),
                // An idle connection that the application closed just now; nothing was written on it.
                retryPolicy: { retryOn: 'reset-before-request', numRetries: 1 },
              },
            },
          },
        ],
      },
      {
        name: 'other-host',
        domains: ['*'],
        routes: [
          {
            name: 'other-host',
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            metadata: { filterMetadata: { [metadataKey]: { route: 'other-host' } } },
            action: {
              case: 'directResponse',
              value: {
                status: 421,
                body: {
                  specifier: {
                    case: 'inlineString',
                    value: `CH4111: this proxy serves only ${service.name}\n`,
                  },
                },
              },
            },
          },
        ],
      },
    ],
    typedPerFilterConfig: { [authzFilter]: askDesk('ingress', service.name) },
    ignorePortInHostMatching: true,
    requestHeadersToRemove: ['x-chancery-decision', 'x-chancery-code'],
  });
  return resource({
    typeUrl: typeUrls.routes,
    name: ingressRoutes,
    schema: RouteConfigurationSchema,
    message,
    from: [service.at],
  });
}
