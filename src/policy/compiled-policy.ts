import type { Operation } from '../model/types.ts';
import { compileConditions, holds, type Test } from './conditions.ts';
import type { Action, Allow, RuleRef } from './decision.ts';
import {
  compareText,
  type PolicyDocument,
  type PolicyIssuer,
  type PolicyPrincipal,
  type PolicyRule,
  type ServicePolicy,
} from './document.ts';
import {
  buildPathIndex,
  eachPath,
  findPath,
  type PathIndex,
  patternSegments,
  withoutFinalSlash,
} from './path-index.ts';
import type { Principals } from './principals.ts';

/** A rule of which more must hold than who and what, or that is only heard. */
export interface ConditionalRule {
  readonly ref: RuleRef;
  readonly allow: Allow;
  readonly isAudit: boolean;
  readonly test: Test;
}

/** A policy document behind indexes: service, then principal, then method, then path. */
export interface CompiledPolicy {
  readonly trustDomain: string;
  readonly services: ReadonlyMap<string, CompiledService>;
  readonly issuers: readonly PolicyIssuer[];
  /** The roles of those who are no services of this mesh; who is not in it has none. */
  readonly guests: ReadonlyMap<string, readonly string[]>;
  /** Every known caller with the principals that name it: itself, its roles, any. The nearest comes first. */
  readonly callers: ReadonlyMap<string, Principals>;
}

export interface CompiledService {
  readonly policy: ServicePolicy;
  /** Rules of which who and what is all that counts. */
  readonly deny: RuleIndex<RuleRef>;
  readonly allow: RuleIndex<Allow>;
  /** Rules with conditions and rules in audit; undefined: there are none. */
  readonly conditional: ConditionalRules | undefined;
  /** A rule names somebody who is known by a token only. */
  readonly namesPeople: boolean;
  /** Allow rules by principal, each list sorted by id: where near misses are looked for. */
  readonly allowRules: ReadonlyMap<string, readonly PolicyRule[]>;
  readonly allAllowRules: readonly PolicyRule[];
}

export interface ConditionalRules {
  readonly deny: RuleIndex<readonly ConditionalRule[]>;
  readonly allow: RuleIndex<readonly ConditionalRule[]>;
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
  const withPeople = document.roles.filter(({ guests }) => guests?.some(isPerson));
  const peopleRoles = new Set<string>(withPeople.map(({ name }) => name));
  return {
    trustDomain: document.trustDomain,
    services: new Map(
      document.services.map((service) => [service.name, compileService(service, peopleRoles)]),
    ),
    issuers: document.issuers ?? [],
    guests: guestRoles(document),
    callers: callerPrincipals(document),
  };
}

export function isPerson(guest: string): boolean {
  return guest.startsWith('person:');
}

function guestRoles({ roles, services }: PolicyDocument): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { rules } of services)
    for (const { from } of rules)
      for (const who of from) if (who.kind === 'guest') found.set(who.guest, []);
  for (const { name, guests } of roles.toSorted((a, b) => compareText(a.name, b.name)))
    for (const guest of guests ?? []) {
      const known = found.get(guest) ?? [];
      known.push(principalKey({ kind: 'role', role: name }));
      found.set(guest, known);
    }
  return found;
}

/** Every rule in the index that covers the action for any of these principals. */
export function eachRule<T>(
  index: RuleIndex<readonly T[]>,
  principals: readonly string[],
  action: Action,
  visit: (rule: T) => void,
): void {
  const visitAll = (rules: readonly T[]): void => {
    for (const rule of rules) visit(rule);
  };
  for (const principal of principals) {
    const operations = index.get(principal);
    if (operations === undefined) continue;
    if (action.kind === 'connect') {
      if (operations.connect !== undefined) visitAll(operations.connect);
      continue;
    }
    for (const method of [action.method, '*']) {
      const paths = operations.byMethod.get(method);
      if (paths !== undefined) eachPath(paths, action.path, visitAll);
    }
  }
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
    case 'guest':
      return principal.guest;
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

function callerPrincipals(document: PolicyDocument): Map<string, Principals> {
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
    document.services.map(({ name }) => {
      const own = principalKey({ kind: 'service', service: name });
      const all = [own, ...(roles.get(name) ?? []), anyone];
      return [name, { allow: all, deny: all }];
    }),
  );
}

function compileService(policy: ServicePolicy, peopleRoles: ReadonlySet<string>): CompiledService {
  const namesPeople = policy.rules.some(({ from }) =>
    from.some(
      (who) =>
        (who.kind === 'guest' && isPerson(who.guest)) ||
        (who.kind === 'role' && peopleRoles.has(who.role)),
    ),
  );
  // Sorted, so that of two rules for the same thing the same one is named whatever their order in the file.
  const rules = policy.rules.toSorted((a, b) => compareText(a.id, b.id));
  const plain = rules.filter(isPlain);
  const denies = plain.filter((rule) => rule.effect === 'deny');
  const allows = plain.filter((rule) => rule.effect === 'allow');
  const enforced = rules.filter(({ effect, mode }) => effect === 'allow' && mode !== 'audit');
  return {
    policy,
    deny: indexRules(denies, (rule) => ruleRef(policy, rule), withoutFinalSlash),
    allow: indexRules(
      allows,
      (rule): Allow => ({ kind: 'allow', rule: ruleRef(policy, rule) }),
      asIs,
    ),
    conditional:
      plain.length === rules.length && !namesPeople ? undefined : conditionalRules(policy, rules),
    namesPeople,
    allowRules: byPrincipal(enforced),
    allAllowRules: enforced,
  };
}

/** Who and what is all that counts, and it is enforced. */
export function isPlain({ conditions, mode }: PolicyRule): boolean {
  return conditions === undefined && mode === undefined;
}

function conditionalRules(policy: ServicePolicy, rules: readonly PolicyRule[]): ConditionalRules {
  const rest = rules.filter((rule) => !isPlain(rule));
  const index = (
    effect: PolicyRule['effect'],
    shape: typeof asIs,
  ): RuleIndex<readonly ConditionalRule[]> => {
    const found = rest.filter((rule) => rule.effect === effect);
    const listOf = (rule: PolicyRule): readonly ConditionalRule[] => [
      conditionalRule(policy, rule),
    ];
    return indexRules(found, listOf, shape, joined);
  };
  return { deny: index('deny', withoutFinalSlash), allow: index('allow', asIs) };
}

function conditionalRule(policy: ServicePolicy, rule: PolicyRule): ConditionalRule {
  const ref = ruleRef(policy, rule);
  const { conditions, mode, effect } = rule;
  const test = conditions === undefined ? () => holds : compileConditions(conditions, effect);
  return { ref, allow: { kind: 'allow', rule: ref }, isAudit: mode === 'audit', test };
}

function asIs(segments: readonly string[]): readonly string[] {
  return segments;
}

function joined<T>(before: readonly T[], next: readonly T[]): readonly T[] {
  return [...before, ...next];
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

type Merge<T> = (before: T, next: T) => T;

function indexRules<T>(
  rules: readonly PolicyRule[],
  toValue: (rule: PolicyRule) => T,
  shape: (segments: readonly string[]) => readonly string[],
  merge: Merge<T> = (before) => before,
): RuleIndex<T> {
  const values = new Map(rules.map((rule) => [rule, toValue(rule)]));
  return new Map(
    [...byPrincipal(rules)].map(([key, group]) => [
      key,
      indexOperations(group, values, shape, merge),
    ]),
  );
}

function indexOperations<T>(
  rules: readonly PolicyRule[],
  values: ReadonlyMap<PolicyRule, T>,
  shape: (segments: readonly string[]) => readonly string[],
  merge: Merge<T>,
): OperationIndex<T> {
  const methods = new Map<string, (readonly [readonly string[], T])[]>();
  let connect: T | undefined;
  for (const rule of rules) {
    const value = values.get(rule);
    if (value === undefined) continue;
    for (const operation of rule.to) {
      if (operation.kind === 'connect') {
        connect = connect === undefined ? value : merge(connect, value);
        continue;
      }
      const { method, segments } = requestOf(operation);
      const entries = methods.get(method) ?? [];
      entries.push([shape(segments), value]);
      methods.set(method, entries);
    }
  }
  const byMethod = new Map(
    [...methods].map(([method, entries]) => [method, buildPathIndex(entries, merge)]),
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
