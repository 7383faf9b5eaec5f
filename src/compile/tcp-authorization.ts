import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ApiVersion } from '../gen/envoy/config/core/v3/config_source_pb.js';
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.js';
import type { FilterSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ActionSchema, RBAC_Action } from '../gen/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema } from '../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { UriSanInputSchema } from '../gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js';
import { workloadId } from '../identity/spiffe-id.ts';
import { namesCaller } from '../model/principal.ts';
import type { Intent, Rule, Service } from '../model/types.ts';
import { any, type Init, resource } from './pack.ts';
import { type Resource, typeUrls } from './resource.ts';

/** The policy of a TCP service is a resource of its own, so that a changed rule drains no listener. */
const tcpPolicyName = 'tcp-policy';

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
      defaultConfig: rbac([], 'no-policy-yet'),
      applyDefaultConfigWithoutWarming: true,
      typeUrls: [`type.googleapis.com/${RBACSchema.typeName}`],
    },
  },
};

/**
 * A TCP connection has no request to ask about: who may connect is decided in the proxy by the peer's SPIFFE ID
 * alone. A denial wins over an allow; anyone else is refused.
 */
export function tcpPolicy(intent: Intent, service: Service): Resource {
  const message = create(TypedExtensionConfigSchema, {
    name: tcpPolicyName,
    typedConfig: rbac(verdicts(intent, service), 'default'),
  });
  return resource({
    typeUrl: typeUrls.extension,
    name: tcpPolicyName,
    schema: TypedExtensionConfigSchema,
    message,
    from: [...service.deny, ...service.allow].map((rule) => rule.at).concat(service.at),
  });
}

interface Verdict {
  readonly spiffeId: string;
  readonly rule: Rule;
}

function verdicts(intent: Intent, service: Service): Verdict[] {
  return [...intent.services.keys()].sort().flatMap((caller) => {
    const rule =
      service.deny.find((deny) => isEnforced(deny) && namesCaller(deny, caller)) ??
      service.allow.find((allow) => isEnforced(allow) && namesCaller(allow, caller));
    return rule === undefined
      ? []
      : [{ spiffeId: workloadId(intent.mesh.trustDomain, caller), rule }];
  });
}

function isEnforced({ mode }: Rule): boolean {
  return mode === 'enforce';
}

function rbac(known: readonly Verdict[], fallback: string): Any {
  const map = Object.fromEntries(
    known.map(({ spiffeId, rule }) => [spiffeId, act(rule.effect, rule.id)]),
  );
  return any(RBACSchema, {
    statPrefix: 'ingress',
    matcher: {
      ...(known.length === 0
        ? {}
        : {
            matcherType: {
              case: 'matcherTree',
              value: {
                input: { name: 'caller', typedConfig: any(UriSanInputSchema, {}) },
                treeType: { case: 'exactMatchMap', value: { map } },
              },
            },
          }),
      onNoMatch: act('deny', fallback),
    },
  });
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
