import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { escapeRegex } from '../base/escape-regex.ts';
import { ApiVersion } from '../gen/envoy/config/core/v3/config_source_pb.js';
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.js';
import type { FilterSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ActionSchema, RBAC_Action } from '../gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema } from '../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import type { MatcherSchema } from '../gen/xds/type/matcher/v3/matcher_pb.js';
import { workloadId } from '../identity/spiffe-id.ts';
import type { Guest } from '../model/condition-types.ts';
import { namesCaller, namesGuest, peerGuests, wholeTrustDomain } from '../model/principal.ts';
import type { Intent, Rule, Service } from '../model/types.ts';
import { any, type Init, resource } from './pack.ts';
import { matchInput, regexPredicate } from './rbac-predicates.ts';
import { type Resource, typeUrls } from './resource.ts';

/** The policy of a TCP service is a resource of its own, so that a changed rule drains no listener. */
const tcpPolicyName = 'tcp-policy';
/** The path of one SPIFFE ID. It holds no comma, by which Envoy joins the names of a peer that has several. */
const idSegment = '(?:[A-Za-z0-9_-]|\\.[A-Za-z0-9_-]|\\.\\.[A-Za-z0-9._-])[A-Za-z0-9._-]*';
const idPath = `(?:/${idSegment})+`;

type Matcher = Init<typeof MatcherSchema>;
type OnMatch = ReturnType<typeof act>;

/** Until the policy has come, and if it never does, nobody connects. */
export const tcpAuthorizationFilter: Init<typeof FilterSchema> = {
  name: tcpPolicyName,
  configType: {
    case: 'configDiscovery',
    value: {
      configSource: {
        resourceApiVersion: ApiVersion.V3,
        configSourceSpecifier: { case: 'ads', value: {} },
      },
      defaultConfig: any(RBACSchema, {
        statPrefix: 'ingress',
        matcher: { onNoMatch: act('deny', 'no-policy-yet') },
      }),
      applyDefaultConfigWithoutWarming: true,
      typeUrls: [`type.googleapis.com/${RBACSchema.typeName}`],
    },
  },
};

/**
 * A TCP connection has no request to ask about: who may connect is decided in the proxy by the peer's SPIFFE ID
 * alone. A denial wins over an allow; anyone else is refused. Rules in audit are looked at beside that and are logged.
 * Envoy decides when the first bytes of the caller come (envoy#9023): until then a server that speaks first is heard.
 */
export function tcpPolicy(intent: Intent, service: Service): Resource {
  const message = create(TypedExtensionConfigSchema, {
    name: tcpPolicyName,
    typedConfig: rbac(intent, service),
  });
  return resource({
    typeUrl: typeUrls.extension,
    name: tcpPolicyName,
    schema: TypedExtensionConfigSchema,
    message,
    from: [...service.deny, ...service.allow].map((rule) => rule.at).concat(service.at),
  });
}

interface Verdicts {
  /** By SPIFFE ID. */
  readonly exact: ReadonlyMap<string, Rule>;
  /** By trust domain, for those who are not named themselves. */
  readonly domains: ReadonlyMap<string, Rule>;
}

/** Of rules in the order in which they count. */
function verdicts(
  { mesh, services }: Intent,
  rules: readonly Rule[],
  guests: readonly Guest[],
): Verdicts {
  const exact = new Map<string, Rule>();
  for (const caller of [...services.keys()].sort()) {
    const rule = rules.find((one) => namesCaller(one, caller));
    if (rule !== undefined) exact.set(workloadId(mesh.trustDomain, caller), rule);
  }
  const domains = new Map<string, Rule>();
  for (const guest of guests) {
    const rule = rules.find((one) => namesGuest(one, guest));
    if (rule === undefined) continue;
    const domain = wholeTrustDomain(guest);
    if (domain === undefined) exact.set(guest, rule);
    else domains.set(domain, rule);
  }
  return { exact, domains };
}

function isEnforced({ mode }: Rule): boolean {
  return mode === 'enforce';
}

function rbac(intent: Intent, { allow, deny }: Service): Any {
  const rules = [...deny, ...allow];
  const guests = [...new Set(rules.flatMap(peerGuests))].sort();
  const enforced = verdicts(intent, rules.filter(isEnforced), guests);
  const audits = deny.filter((rule) => !isEnforced(rule));
  return any(RBACSchema, {
    statPrefix: 'ingress',
    matcher: matcher(enforced, act('deny', 'default')),
    // A miss has no name, and then nothing is logged of it.
    ...(audits.length === 0
      ? {}
      : { shadowMatcher: matcher(verdicts(intent, audits, guests), undefined) }),
  });
}

function matcher({ exact, domains }: Verdicts, fallback: OnMatch | undefined): Matcher {
  const onNoMatch = fallback === undefined ? {} : { onNoMatch: fallback };
  const byDomain: Matcher =
    domains.size === 0
      ? onNoMatch
      : {
          matcherType: {
            case: 'matcherList',
            value: {
              matchers: [...domains].map(([domain, rule]) => ({
                predicate: regexPredicate(
                  'caller',
                  `${escapeRegex(`spiffe://${domain}`)}${idPath}`,
                ),
                onMatch: act(rule.effect, rule.id),
              })),
            },
          },
          ...onNoMatch,
        };
  if (exact.size === 0) return byDomain;
  const map = Object.fromEntries([...exact].map(([id, rule]) => [id, act(rule.effect, rule.id)]));
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
