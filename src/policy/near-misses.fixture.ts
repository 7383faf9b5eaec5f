import type { Operation } from '../model/types.ts';
import type { CompiledService } from './compiled-policy.ts';
import type { Action } from './decision.ts';
import type { PolicyRule } from './document.ts';
import { matchesSegments } from './path-index.ts';
import { requestOf } from './rule-parts.ts';

interface Near {
  readonly id: string;
  readonly named: boolean;
  readonly score: number;
}

/** What near misses are, read rule by rule as texts: the two of 128 rules, with 1,024 operations, of which most holds. */
export function plainNearMisses(
  service: CompiledService,
  principals: readonly string[],
  action: Action,
): readonly Near[] {
  const named = new Set(principals.flatMap((one) => service.allowRules.get(one) ?? []));
  const found = lookedAt([...new Set([...named, ...service.allAllowRules])]).map((rule) => ({
    id: rule.id,
    named: named.has(rule),
    score: (named.has(rule) ? 2 : 0) + ruleScore(rule, action),
  }));
  return found.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1)).slice(0, 2);
}

/** A rule is looked at whole or not at all. */
function lookedAt(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  let operations = 0;
  return rules.slice(0, 128).filter(({ to }) => {
    const isIn = operations < 1_024;
    operations += to.length;
    return isIn;
  });
}

function ruleScore(rule: PolicyRule, action: Action): number {
  return Math.max(...rule.to.map((operation) => operationScore(operation, action)));
}

function operationScore(operation: Operation, action: Action): number {
  if (operation.kind === 'connect' || action.kind === 'connect') {
    return operation.kind === action.kind ? 3 : 0;
  }
  const { method, segments } = requestOf(operation);
  const path = action.path.split('/').slice(1);
  const miss = segments.findIndex((segment, at) => segment !== '*' && segment !== path[at]);
  const shared = miss === -1 ? segments.length : miss;
  return (
    (method === '*' || method === action.method ? 1 : 0) +
    (matchesSegments(segments, path) ? 2 : shared / (segments.length + 1))
  );
}
