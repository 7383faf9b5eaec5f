import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import type { Service } from '../model/types.ts';
import { askDesk } from './desk.ts';
import { joined } from './encoded.ts';
import { forgedInAnswers } from './forged.ts';
import { appCluster, authzFilter, ingressRoutes, metadataKey } from './names.ts';
import { duration, encode, encodedResource } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';
import { templated } from './template.ts';

/**
 * What may reach the application. Only the service's own name is served: a request for another host, also
 * one in absolute form, is answered 421 (RFC 9110 section 15.5.20).
 */
export function ingressRouteConfiguration(service: Service): Resource {
  const bytes = joined([routesOf(service.name)]);
  return encodedResource({
    typeUrl: typeUrls.routes,
    name: ingressRoutes,
    bytes,
    from: [service.at],
  });
}

const routesOf = templated((service) =>
  encode(RouteConfigurationSchema, {
    name: ingressRoutes,
    virtualHosts: [
      {
        name: service,
        domains: [service],
        routes: [
          {
            name: `${service}/app`,
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            metadata: { filterMetadata: { [metadataKey]: { route: `${service}/app` } } },
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
                    value: `CH4111: this proxy serves only ${service}\n`,
                  },
                },
              },
            },
          },
        ],
      },
    ],
    responseHeadersToRemove: [...forgedInAnswers],
    typedPerFilterConfig: { [authzFilter]: askDesk('ingress', service) },
  }),
);
