import type { Operation } from '../model/types.ts';
import type { RuleRef } from './decision.ts';
import type { PolicyPrincipal, PolicyRule, ServicePolicy } from './document.ts';
import { patternSegments } from './path-index.ts';

export const anyone = '*';

export function principalKey(principal: PolicyPrincipal): string {
  switch (principal.kind) {
    case 'any':
      return anyone;
    case 'service':
      return `service ${principal.service}`;
    case 'role':
      return `role ${principal.role}`;
    case 'guest':
      return principal.guest;
  }
}

/** Rules by each that they name, in their order. */
export function byPrincipal(rules: readonly PolicyRule[]): ReadonlyMap<string, PolicyRule[]> {
  const groups = new Map<string, PolicyRule[]>();
  for (const rule of rules) {
    for (const key of new Set(rule.from.map(principalKey))) {
      const group = groups.get(key) ?? [];
      group.push(rule);
      groups.set(key, group);
    }
  }
  return groups;
}

export function ruleRef(service: ServicePolicy, rule: PolicyRule): RuleRef {
  return { id: rule.id, service: service.name, effect: rule.effect, at: rule.at };
}

/** gRPC is POST to `/pkg.Service/Method` (the protocol's HTTP/2 mapping), so one index serves both. */
export function requestOf(operation: Exclude<Operation, { kind: 'connect' }>): {
  readonly method: string;
  readonly segments: readonly string[];
} {
  return operation.kind === 'http'
    ? { method: operation.method, segments: patternSegments(operation.path) }
    : { method: 'POST', segments: [operation.service, operation.method] };
}
