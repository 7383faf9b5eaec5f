import type { Operation } from '../model/types.ts';
import type { Action, Allow, RuleRef } from './decision.ts';
import {
  compareText,
  type PolicyDocument,
  type PolicyPrincipal,
  type PolicyRule,
  type ServicePolicy,
} from './document.ts';
import {
  buildPathIndex,
  findPath,
  type PathIndex,
  patternSegments,
  withoutFinalSlash,
} from './path-index.ts';

/** A policy document behind indexes: service, then principal, then method, then path. */
export interface CompiledPolicy {
  readonly trustDomain: string;
  readonly services: ReadonlyMap<string, CompiledService>;
  /** Every known caller with the principals that name it: itself, its roles, any. The nearest comes first. */
  readonly callers: ReadonlyMap<string, readonly string[]>;
}

export interface CompiledService {
  readonly policy: ServicePolicy;
  readonly deny: RuleIndex<RuleRef>;
  readonly allow: RuleIndex<Allow>;
  /** Allow rules by principal, each list sorted by id: where near misses are looked for. */
  readonly allowRules: ReadonlyMap<string, readonly PolicyRule[]>;
  readonly allAllowRules: readonly PolicyRule[];
}

/** By principal. */
export type RuleIndex<T> = ReadonlyMap<string, OperationIndex<T>>;

interface OperationIndex<T> {
  readonly connect: T | undefined;
  /** `*` holds what is allowed for any method. */
  readonly byMethod: ReadonlyMap<string, PathIndex<T>>;
}

const anyone = '*';

/** Cost of a decision afterwards does not grow with the number of services or rules. */
export function compilePolicy(document: PolicyDocument): CompiledPolicy {
  return {
    trustDomain: document.trustDomain,
    services: new Map(document.services.map((service) => [service.name, compileService(service)])),
    callers: callerPrincipals(document),
  };
}

/** The rule that covers the action for the first of these principals that has one. */
export function findRule<T>(
  index: RuleIndex<T>,
  principals: readonly string[],
  action: Action,
): T | undefined {
  if (index.size === 0) return undefined;
  for (const principal of principals) {
    const operations = index.get(principal);
    const found = operations === undefined ? undefined : findOperation(operations, action);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function principalKey(principal: PolicyPrincipal): string {
  switch (principal.kind) {
    case 'any':
      return anyone;
    case 'service':
      return `service ${principal.service}`;
    case 'role':
      return `role ${principal.role}`;
  }
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

function callerPrincipals(document: PolicyDocument): Map<string, readonly string[]> {
  const roles = new Map<string, string[]>();
  const sorted = [...document.roles].sort((a, b) => compareText(a.name, b.name));
  for (const role of sorted) {
    for (const member of role.services) {
      const known = roles.get(member) ?? [];
      known.push(principalKey({ kind: 'role', role: role.name }));
      roles.set(member, known);
    }
  }
  return new Map(
    document.services.map(({ name }) => [
      name,
      [principalKey({ kind: 'service', service: name }), ...(roles.get(name) ?? []), anyone],
    ]),
  );
}

function compileService(policy: ServicePolicy): CompiledService {
  // Sorted, so that of two rules for the same thing the same one is named whatever their order in the file.
  const rules = policy.rules.toSorted((a, b) => compareText(a.id, b.id));
  const denies = rules.filter((rule) => rule.effect === 'deny');
  const allows = rules.filter((rule) => rule.effect === 'allow');
  return {
    policy,
    deny: indexRules(denies, (rule) => ruleRef(policy, rule), withoutFinalSlash),
    allow: indexRules(
      allows,
      (rule): Allow => ({ kind: 'allow', rule: ruleRef(policy, rule) }),
      (segments) => segments,
    ),
    allowRules: byPrincipal(allows),
    allAllowRules: allows,
  };
}

function byPrincipal(rules: readonly PolicyRule[]): Map<string, PolicyRule[]> {
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

function indexRules<T>(
  rules: readonly PolicyRule[],
  toValue: (rule: PolicyRule) => T,
  shape: (segments: readonly string[]) => readonly string[],
): RuleIndex<T> {
  const values = new Map(rules.map((rule) => [rule, toValue(rule)]));
  return new Map(
    [...byPrincipal(rules)].map(([key, group]) => [key, indexOperations(group, values, shape)]),
  );
}

function indexOperations<T>(
  rules: readonly PolicyRule[],
  values: ReadonlyMap<PolicyRule, T>,
  shape: (segments: readonly string[]) => readonly string[],
): OperationIndex<T> {
  const methods = new Map<string, (readonly [readonly string[], T])[]>();
  let connect: T | undefined;
  for (const rule of rules) {
    const value = values.get(rule);
    if (value === undefined) continue;
    for (const operation of rule.to) {
      if (operation.kind === 'connect') {
        connect ??= value;
        continue;
      }
      const { method, segments } = requestOf(operation);
      const entries = methods.get(method) ?? [];
      entries.push([shape(segments), value]);
      methods.set(method, entries);
    }
  }
  const byMethod = new Map(
    [...methods].map(([method, entries]) => [method, buildPathIndex(entries)]),
  );
  return { connect, byMethod };
}

function findOperation<T>(index: OperationIndex<T>, action: Action): T | undefined {
  if (action.kind === 'connect') return index.connect;
  const exact = index.byMethod.get(action.method);
  const found = exact === undefined ? undefined : findPath(exact, action.path);
  if (found !== undefined) return found;
  const any = index.byMethod.get('*');
  return any === undefined ? undefined : findPath(any, action.path);
}
