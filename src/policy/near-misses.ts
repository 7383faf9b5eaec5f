import type { Operation } from '../model/types.ts';
import {
  type CompiledPolicy,
  type CompiledService,
  principalKey,
  requestOf,
  ruleRef,
} from './compiled-policy.ts';
import { type Action, clip, type NearMiss } from './decision.ts';
import { compareText, type PolicyPrincipal, type PolicyRule } from './document.ts';
import { matchesSegments } from './path-index.ts';

/** Two are read at a glance. */
export const nearMissesMax = 2;
/** A deny may be asked for by anyone, so its cost is bounded; the rules that name the caller are looked at first. */
const rulesLookedAtMax = 256;
const namesShownMax = 5;

interface Asked {
  readonly policy: CompiledPolicy;
  readonly service: CompiledService;
  readonly caller: string;
  readonly principals: readonly string[];
  readonly action: Action;
}

interface Miss {
  readonly nearMiss: NearMiss;
  readonly holding: number;
}

/** The allow rules of which most holds; that a rule names the caller weighs two. */
export function nearMisses(asked: Asked): readonly NearMiss[] {
  return candidates(asked)
    .map((rule) => missOf(asked, rule))
    .sort((a, b) => b.holding - a.holding || compareText(a.nearMiss.rule.id, b.nearMiss.rule.id))
    .slice(0, nearMissesMax)
    .map((miss) => miss.nearMiss);
}

function candidates({ service, principals }: Asked): PolicyRule[] {
  const found = new Set<PolicyRule>();
  for (const principal of principals) {
    for (const rule of service.allowRules.get(principal) ?? []) {
      if (found.size >= rulesLookedAtMax) return [...found];
      found.add(rule);
    }
  }
  for (const rules of service.allowRules.values()) {
    for (const rule of rules) {
      if (found.size >= rulesLookedAtMax) return [...found];
      found.add(rule);
    }
  }
  return [...found];
}

function missOf(asked: Asked, rule: PolicyRule): Miss {
  const named = rule.from.some((who) => asked.principals.includes(principalKey(who)));
  const clauses = rule.to
    .map((operation) => clauseOf(operation, asked.action))
    .reduce((best, next) => (next.holding > best.holding ? next : best));
  const failed: Omit<NearMiss, 'rule'> =
    !named || clauses.failed === undefined
      ? { clause: 'from', wanted: fromText(rule.from), got: asked.caller }
      : clauses.failed;
  return {
    nearMiss: { rule: ruleRef(asked.service.policy, rule), ...failed },
    holding: clauses.holding + (named ? 2 : 0),
  };
}

interface Clauses {
  /** Weights of what holds: the path two, or less than one for its first segments; the method one. */
  readonly holding: number;
  readonly failed: Omit<NearMiss, 'rule'> | undefined;
}

function clauseOf(operation: Operation, action: Action): Clauses {
  if (operation.kind === 'connect' || action.kind === 'connect') {
    if (operation.kind === action.kind) return { holding: 3, failed: undefined };
    const [wanted, got] = [kindText(operation.kind), kindText(action.kind)];
    return { holding: 0, failed: { clause: 'protocol', wanted, got } };
  }
  const { method, segments } = requestOf(operation);
  const methodHolds = method === '*' || method === action.method;
  const pathHolds = matchesSegments(segments, action.path.split('/').slice(1));
  const holding = (methodHolds ? 1 : 0) + (pathHolds ? 2 : sharedPart(segments, action.path));
  if (!methodHolds) {
    return { holding, failed: { clause: 'method', wanted: method, got: action.method } };
  }
  if (pathHolds) return { holding, failed: undefined };
  const wanted = operation.kind === 'http' ? operation.path.text : `/${segments.join('/')}`;
  return { holding, failed: { clause: 'path', wanted, got: clip(action.path) } };
}

/** The share of the pattern's first segments that the path has too, below one. */
function sharedPart(segments: readonly string[], path: string): number {
  const found = path.split('/', segments.length + 1).slice(1);
  const differs = segments.findIndex((segment, at) => segment !== '*' && segment !== found[at]);
  return (differs === -1 ? segments.length : differs) / (segments.length + 1);
}

function kindText(kind: 'http' | 'grpc' | 'connect'): string {
  return kind === 'connect' ? 'a TCP connection' : 'a request';
}

function fromText(from: readonly PolicyPrincipal[]): string {
  const more = from.length - namesShownMax;
  const shown = from.slice(0, namesShownMax).map(principalText).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function principalText(principal: PolicyPrincipal): string {
  switch (principal.kind) {
    case 'any':
      return '*';
    case 'service':
      return principal.service;
    case 'role':
      return `role:${principal.role}`;
  }
}
