import { ApiVersion } from '../gen/envoy/config/core/v3/config_source_pb.js';
import { FilterConfigSchema } from '../gen/envoy/config/route/v3/route_components_pb.js';
import {
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from '../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import type { MetadataMatcherSchema } from '../gen/envoy/type/matcher/v3/metadata_pb.js';
import type { HttpFilter } from './http.ts';
import { agentCluster, authzFilter, rbacFilter } from './names.ts';
import { any, duration, type Init } from './pack.ts';

/** The desk is on the same host and answers in under a millisecond; past this it counts as down. */
const deskTimeoutMs = 500;

/** Inverted, so that missing metadata asks rather than lets through. */
const notAllowed: Init<typeof MetadataMatcherSchema> = {
  filter: rbacFilter,
  path: [{ segment: { case: 'key', value: 'enforced_effective_policy_id' } }],
  value: {
    matchPattern: {
      case: 'stringMatch',
      value: { matchPattern: { case: 'prefix', value: 'allow/' } },
    },
  },
  invert: true,
};

/** Asks the agent's policy desk. `disabled`: only where a route turns it on. Unreachable is 503, never a 403. */
function deskFilter(options: {
  readonly disabled: boolean;
  /** Not asked where the proxy's own policy said `allow/…`; asked wherever it said anything else, or nothing. */
  readonly unlessAllowed: boolean;
}): HttpFilter {
  return {
    name: authzFilter,
    disabled: options.disabled,
    configType: {
      case: 'typedConfig',
      value: any(ExtAuthzSchema, {
        transportApiVersion: ApiVersion.V3,
        services: {
          case: 'grpcService',
          value: {
            targetSpecifier: { case: 'envoyGrpc', value: { clusterName: agentCluster } },
            timeout: duration(deskTimeoutMs),
          },
        },
        failureModeAllow: false,
        statusOnError: { code: 503 },
        encodeRawHeaders: true,
        metadataContextNamespaces: [rbacFilter],
        ...(options.unlessAllowed ? { filterEnabledMetadata: notAllowed } : {}),
      }),
    },
  };
}

/** Encoded once: every proxy has the same. */
export const deskWhereRouted = deskFilter({ disabled: true, unlessAllowed: false });
export const deskUnlessAllowed = deskFilter({ disabled: false, unlessAllowed: true });

/** Says from which side the question comes, and turns the desk on where the filter is off by default. */
export function askDesk(side: 'ingress' | 'egress', service: string) {
  return any(FilterConfigSchema, {
    config: any(ExtAuthzPerRouteSchema, {
      override: {
        case: 'checkSettings',
        value: { contextExtensions: { 'chancery.side': side, 'chancery.service': service } },
      },
    }),
  });
}
