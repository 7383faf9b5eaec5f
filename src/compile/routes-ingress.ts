import type { RetryPolicySchema } from '../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import type { Service } from '../model/types.ts';
import { askDesk } from './desk.ts';
import { joined } from './encoded.ts';
import { forgedInAnswers } from './forged.ts';
import { appCluster, authzFilter, ingressRoutes, metadataKey } from './names.ts';
import { duration, encode, encodedResource, type Init } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';
import { templated } from './template.ts';

/**
 * An idle connection that the application closed just now, or one that it did not take in its rush: nothing was written on
 * it, so that every method may go again. The cluster's retry budget bounds how many do at once.
 */
const retryUnsent: Init<typeof RetryPolicySchema> = {
  retryOn: 'reset-before-request,connect-failure',
  numRetries: 2,
  retryBackOff: { baseInterval: duration(10), maxInterval: duration(100) },
};

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
                retryPolicy: retryUnsent,
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
