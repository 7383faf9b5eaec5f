import type { Any } from '@bufbuild/protobuf/wkt';
import { ApiVersion } from '../gen/envoy/config/core/v3/config_source_pb.js';
import { FilterConfigSchema } from '../gen/envoy/config/route/v3/route_components_pb.js';
import {
  CompositeSchema,
  ExecuteFilterActionSchema,
} from '../gen/envoy/extensions/filters/http/composite/v3/composite_pb.js';
import {
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from '../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { DynamicMetadataInputSchema } from '../gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.js';
import { MetadataSchema } from '../gen/envoy/extensions/matching/input_matchers/metadata/v3/metadata_pb.js';
import type { Matcher_OnMatchSchema } from '../gen/xds/type/matcher/v3/matcher_pb.js';
import type { DeskPlace } from '../model/types.ts';
import { openRoute } from '../policy/rbac-plan.ts';
import { deskServices } from './desk-service.ts';
import type { HttpFilter } from './http.ts';
import { authzFilter, nodeLabels, rbacFilter } from './names.ts';
import { any, type Init } from './pack.ts';
import { notPredicate, type Predicate } from './rbac-predicates.ts';

/**
 * Asks the policy desk. Unreachable is 503, never a 403. `hear`: what was allowed already goes on. `open`: so does what a
 * route opens, and says so to the log and the application. Both are counted under their name.
 */
function asking(place: DeskPlace, unreachable: 'closed' | 'hear' | 'open' = 'closed') {
  return any(ExtAuthzSchema, {
    transportApiVersion: ApiVersion.V3,
    services: { case: 'grpcService', value: deskServices[place] },
    failureModeAllow: unreachable !== 'closed',
    failureModeAllowHeaderAdd: unreachable === 'open',
    ...(unreachable === 'closed' ? { statusOnError: { code: 503 } } : { statPrefix: unreachable }),
    encodeRawHeaders: true,
    metadataContextNamespaces: [rbacFilter],
    // A socket of the agent is one proxy's; at the pool a certificate only says of which service it is.
    ...(place === 'pool' ? { bootstrapMetadataLabelsKey: nodeLabels } : {}),
  });
}

/** Off but where a route turns it on. */
function whereRouted(place: DeskPlace): HttpFilter {
  return {
    name: authzFilter,
    disabled: true,
    configType: { case: 'typedConfig', value: asking(place) },
  };
}

/** Whether what the policy in the proxy left under this key begins so. */
function policySaid(key: string, prefix: string): Predicate {
  return {
    matchType: {
      case: 'singlePredicate',
      value: {
        input: {
          name: 'policy',
          typedConfig: any(DynamicMetadataInputSchema, {
            filter: rbacFilter,
            path: [{ segment: { case: 'key', value: key } }],
          }),
        },
        matcher: {
          case: 'customMatch',
          value: {
            name: 'begins',
            typedConfig: any(MetadataSchema, {
              value: {
                matchPattern: {
                  case: 'stringMatch',
                  value: { matchPattern: { case: 'prefix', value: prefix } },
                },
              },
            }),
          },
        },
      },
    },
  };
}

/**
 * Not asked where the proxy's own policy said `allow/…`; asked wherever it said anything else, or nothing. What it allowed
 * and only a rule in audit is to hear is asked about too, and goes on when nobody answers: such a rule keeps nobody out.
 * An idle ext_authz filter costs each request more than the whole policy; here one is made only to ask. It stands inside the
 * action: of a filter chain that is named and not there Envoy would say nothing, and let the request through. The name is
 * the one by which ext_authz looks up what a route says to it.
 */
function unlessAllowed(place: DeskPlace): HttpFilter {
  const isAllowed = policySaid('enforced_effective_policy_id', 'allow/');
  const isOpen = policySaid('enforced_effective_policy_id', `ask/${openRoute}`);
  const isHeard = policySaid('shadow_effective_policy_id', 'ask/');
  return {
    name: authzFilter,
    configType: {
      case: 'typedConfig',
      value: any(CompositeSchema, {
        matcher: {
          matcherType: {
            case: 'matcherList',
            value: {
              matchers: [
                { predicate: isOpen, onMatch: execute('open', asking(place, 'open')) },
                // Negated, so that missing metadata asks rather than lets through.
                { predicate: notPredicate(isAllowed), onMatch: execute('ask', asking(place)) },
                { predicate: isHeard, onMatch: execute('hear', asking(place, 'hear')) },
              ],
            },
          },
        },
      }),
    },
  };
}

function execute(name: string, authz: Any): Init<typeof Matcher_OnMatchSchema> {
  const typedConfig = any(ExecuteFilterActionSchema, {
    typedConfig: { name: authzFilter, typedConfig: authz },
  });
  return { onMatch: { case: 'action', value: { name, typedConfig } } };
}

/** Encoded once: every proxy has the same. */
export const desks: Readonly<
  Record<DeskPlace, { readonly whereRouted: HttpFilter; readonly unlessAllowed: HttpFilter }>
> = {
  agent: { whereRouted: whereRouted('agent'), unlessAllowed: unlessAllowed('agent') },
  pool: { whereRouted: whereRouted('pool'), unlessAllowed: unlessAllowed('pool') },
};

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
