import { create } from '@bufbuild/protobuf';
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.js';
import type { FilterSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ActionSchema, RBAC_Action } from '../gen/envoy/config/rbac/v3/rbac_pb.js';
import {
  RBAC_EnforcementType,
  RBACSchema,
} from '../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { RuntimeFractionSchema } from '../gen/envoy/extensions/matching/input_matchers/runtime_fraction/v3/runtime_fraction_pb.js';
import type { MatcherSchema } from '../gen/xds/type/matcher/v3/matcher_pb.js';
import type { Intent, Rule, Service } from '../model/types.ts';
import { discovered } from './discovered.ts';
import { any, type Init, resource } from './pack.ts';
import {
  allPredicate,
  matchInput,
  notPredicate,
  type Predicate,
  regexPredicate,
} from './rbac-predicates.ts';
import { type Resource, typeUrls } from './resource.ts';
import { callerKey, liveKey } from './tcp-callers.ts';
import { tcpVerdicts, trustDomainRegex, type Verdicts } from './tcp-verdicts.ts';

/** The policy of a TCP service is a resource of its own, so that a changed rule drains no listener. */
const tcpPolicyName = 'tcp-policy';
type Matcher = Init<typeof MatcherSchema>;

/** Until the policy has come, and if it never does, nobody connects. */
export const tcpAuthorizationFilter: Init<typeof FilterSchema> = {
  name: tcpPolicyName,
  configType: discovered(
    any(RBACSchema, {
      statPrefix: 'ingress',
      matcher: { onNoMatch: act('deny', 'no-policy-yet') },
    }),
  ),
};

/**
 * The same verdicts as the gate's, looked at again when the first bytes of the caller come (envoy#9023) and in another
 * way: who gets past one of the two by a mistake says nothing to the application.
 */
export function tcpPolicy(intent: Intent, service: Service): Resource {
  const message = create(TypedExtensionConfigSchema, {
    name: tcpPolicyName,
    typedConfig: any(RBACSchema, {
      statPrefix: 'ingress',
      enforcementType: RBAC_EnforcementType.CONTINUOUS,
      matcher: matcher(tcpVerdicts(intent, service).enforced),
    }),
  });
  return resource({
    typeUrl: typeUrls.extension,
    name: tcpPolicyName,
    schema: TypedExtensionConfigSchema,
    message,
    from: [...service.deny, ...service.allow].map((rule) => rule.at).concat(service.at),
  });
}

function matcher({ exact, domains, others }: Verdicts): Matcher {
  const onNoMatch = { onNoMatch: act('deny', others?.id ?? 'default') };
  const byDomain: Matcher =
    domains.size === 0
      ? onNoMatch
      : {
          matcherType: {
            case: 'matcherList',
            value: {
              matchers: [...domains].map(([domain, rule]) => ({
                predicate: regexPredicate('caller', trustDomainRegex(domain)),
                onMatch: verdict(rule, `spiffe://${domain}/**`),
              })),
            },
          },
          ...onNoMatch,
        };
  if (exact.size === 0) return byDomain;
  const map = Object.fromEntries([...exact].map(([id, rule]) => [id, verdict(rule, id)]));
  return {
    matcherType: {
      case: 'matcherTree',
      value: {
        input: matchInput('caller'),
        treeType: { case: 'exactMatchMap', value: { map } },
      },
    },
    ...(domains.size === 0
      ? onNoMatch
      : { onNoMatch: { onMatch: { case: 'matcher' as const, value: byDomain } } }),
  };
}

/**
 * A connection keeps the policy with which it was accepted. What is looked up in the proxy's runtime is of now: who may
 * connect no more is refused with the next bytes.
 */
function verdict({ effect, id }: Rule, caller: string) {
  const decided = act(effect, id);
  if (effect === 'deny') return decided;
  return {
    onMatch: {
      case: 'matcher' as const,
      value: {
        matcherType: {
          case: 'matcherList' as const,
          value: {
            matchers: [
              {
                predicate: allPredicate([
                  runtime(liveKey),
                  notPredicate(runtime(callerKey(caller))),
                ]),
                onMatch: act('deny', 'revoked'),
              },
            ],
          },
        },
        onNoMatch: decided,
      },
    },
  };
}

function runtime(runtimeKey: string): Predicate {
  return {
    matchType: {
      case: 'singlePredicate',
      value: {
        input: matchInput('caller'),
        matcher: {
          case: 'customMatch',
          value: {
            name: 'runtime',
            typedConfig: any(RuntimeFractionSchema, {
              runtimeFraction: { defaultValue: { numerator: 0 }, runtimeKey },
            }),
          },
        },
      },
    },
  };
}

function act(effect: 'allow' | 'deny', rule: string) {
  return {
    onMatch: {
      case: 'action' as const,
      value: {
        name: rule,
        typedConfig: any(ActionSchema, {
          name: `${effect}/${rule}`,
          action: effect === 'allow' ? RBAC_Action.ALLOW : RBAC_Action.DENY,
        }),
      },
    },
  };
}
