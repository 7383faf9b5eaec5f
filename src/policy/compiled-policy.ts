import { isPerson } from '../model/guest.ts';
import { compileConditions, holds, type Test } from './conditions.ts';
import type { Allow, RuleRef } from './decision.ts';
import {
  compareText,
  type PolicyDocument,
  type PolicyIssuer,
  type PolicyRule,
  type ServicePolicy,
} from './document.ts';
import { type NearIndex, newNearIndex } from './near-index.ts';
import { isToldByProxy } from './plan-parts.ts';
import { numbered, type Principals } from './principals.ts';
import { indexRules, type RuleIndex } from './rule-index.ts';
import { anyone, byPrincipal, principalKey, requestOf, ruleRef } from './rule-parts.ts';
import { newTexts, type Texts } from './texts.ts';

/** A rule of which more must hold than who and what, or that is only heard. */
export interface ConditionalRule {
  readonly ref: RuleRef;
  readonly allow: Allow;
  readonly isAudit: boolean;
  /** A proxy tells whether it holds. */
  readonly isToldByProxy: boolean;
  readonly test: Test;
}

/** A policy document behind indexes: service, then path, then principal, then method. */
export interface CompiledPolicy {
  readonly trustDomain: string;
  /** Of the rules of all services: many have the same. */
  readonly texts: Texts;
  readonly services: ReadonlyMap<string, CompiledService>;
  readonly issuers: readonly PolicyIssuer[];
  /** The roles of those who are no services of this mesh; who is not in it has none. */
  readonly guests: ReadonlyMap<string, readonly string[]>;
  /** Every known caller with the principals that name it: itself, its roles, any. */
  readonly callers: ReadonlyMap<string, Principals>;
}

export interface CompiledService {
  readonly policy: ServicePolicy;
  /** Rules of which who and what is all that counts. */
  readonly deny: RuleIndex<RuleRef>;
  readonly allow: RuleIndex<Allow>;
  /** Rules with conditions and rules in audit; undefined: there are none. */
  readonly conditional: ConditionalRules | undefined;
  /** All who are known by a token only; undefined: no rule here names one of them. */
  readonly people: Principals | undefined;
  /** Allow rules by principal, each list sorted by id: where near misses are looked for. */
  readonly allowRules: ReadonlyMap<string, readonly PolicyRule[]>;
  readonly allAllowRules: readonly PolicyRule[];
  /** Made at the first denial: most services of a mesh deny nobody at this desk. */
  readonly near: () => NearIndex;
}

export interface ConditionalRules {
  readonly deny: RuleIndex<readonly ConditionalRule[]>;
  readonly allow: RuleIndex<readonly ConditionalRule[]>;
}

/** Cost of a decision afterwards does not grow with the number of services or rules. */
export function compilePolicy(document: PolicyDocument): CompiledPolicy {
  const texts = textsOf(document);
  const guests = guestRoles(document);
  const people = peopleOf(guests, texts);
  const services = new Map(
    document.services.map((one) => [one.name, compileService(one, people, texts)]),
  );
  return {
    trustDomain: document.trustDomain,
    texts,
    services,
    issuers: document.issuers ?? [],
    guests,
    callers: callerPrincipals(document, texts),
  };
}

function textsOf({ services }: PolicyDocument): Texts {
  const texts = new Set<string>();
  let segmentsMax = 1;
  for (const { from, to } of services.flatMap(({ rules }) => rules)) {
    for (const who of from) texts.add(principalKey(who));
    for (const operation of to) {
      if (operation.kind === 'connect') continue;
      const { method, segments } = requestOf(operation);
      segmentsMax = Math.max(segmentsMax, segments.length);
      texts.add(method);
      for (const segment of segments) texts.add(segment);
    }
  }
  return newTexts(texts, segmentsMax);
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

function peopleOf(guests: CompiledPolicy['guests'], texts: Texts): Principals {
  const named = [...guests].filter(([guest]) => isPerson(guest));
  const keys = [...new Set(named.flatMap(([guest, roles]) => [guest, ...roles]))];
  return numbered(texts, { allow: keys, deny: keys });
}

function callerPrincipals(document: PolicyDocument, texts: Texts): Map<string, Principals> {
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
      return [name, numbered(texts, { allow: all, deny: all })];
    }),
  );
}

function compileService(policy: ServicePolicy, people: Principals, texts: Texts): CompiledService {
  const keys = new Set(people.allow);
  const namesPeople =
    keys.size > 0 &&
    policy.rules.some(({ from }) => from.some((who) => keys.has(principalKey(who))));
  // In the order of their ids, by which the index names one of several.
  const rules = policy.rules.toSorted((a, b) => compareText(a.id, b.id));
  const plain = rules.filter(isPlain);
  const denies = plain.filter((rule) => rule.effect === 'deny');
  const allows = plain.filter((rule) => rule.effect === 'allow');
  const enforced = rules.filter(({ effect, mode }) => effect === 'allow' && mode !== 'audit');
  const deny = indexRules(denies, 'deny', { texts, toValue: (rule) => ruleRef(policy, rule) });
  const allow = indexRules(allows, 'allow', {
    texts,
    toValue: (rule): Allow => ({ kind: 'allow', rule: ruleRef(policy, rule) }),
  });
  const conditional =
    plain.length === rules.length && !namesPeople
      ? undefined
      : conditionalRules(policy, rules, texts);
  const found = { allAllowRules: enforced, allowRules: byPrincipal(enforced) };
  let near: NearIndex | undefined;
  return {
    ...{ policy, deny, allow, conditional, people: namesPeople ? people : undefined, ...found },
    near: () => {
      near ??= newNearIndex(policy, found, texts);
      return near;
    },
  };
}

/** Who and what is all that counts, and it is enforced. */
function isPlain({ conditions, mode }: PolicyRule): boolean {
  return conditions === undefined && mode === undefined;
}

function conditionalRules(
  policy: ServicePolicy,
  rules: readonly PolicyRule[],
  texts: Texts,
): ConditionalRules {
  const rest = rules.filter((rule) => !isPlain(rule));
  const toValue = (rule: PolicyRule): readonly ConditionalRule[] => [conditionalRule(policy, rule)];
  const index = (effect: PolicyRule['effect']): RuleIndex<readonly ConditionalRule[]> =>
    indexRules(
      rest.filter((rule) => rule.effect === effect),
      effect,
      { texts, toValue, merge: joined },
    );
  return { deny: index('deny'), allow: index('allow') };
}

function conditionalRule(policy: ServicePolicy, rule: PolicyRule): ConditionalRule {
  const ref = ruleRef(policy, rule);
  const { conditions, mode, effect } = rule;
  const test = conditions === undefined ? () => holds : compileConditions(conditions, effect);
  return {
    ref,
    allow: { kind: 'allow', rule: ref },
    isAudit: mode === 'audit',
    isToldByProxy: conditions === undefined || isToldByProxy(conditions),
    test,
  };
}

function joined<T>(before: readonly T[], next: readonly T[]): readonly T[] {
  return [...before, ...next];
}
