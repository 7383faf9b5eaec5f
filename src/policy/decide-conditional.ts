import type { CelRead } from '../cel/value.ts';
import type { Conditions } from '../model/condition-types.ts';
import type { ConditionalRule, ConditionalRules } from './compiled-policy.ts';
import type { Held } from './conditions.ts';
import type { Allow, Decision, Deny, Depends, Noted, RuleFault, RuleRef } from './decision.ts';
import { deniedBy, notAllowed } from './denials.ts';
import { compareText } from './document.ts';
import { unknown } from './facts.ts';
import { denialFollows } from './implied.ts';
import { mayMeetPeople } from './people-open.ts';
import { conditionRead, type Question } from './question.ts';
import { eachRule, findRule } from './rule-index.ts';

/** What the rules of one effect come to. */
interface Outcome {
  /** Of those that hold the first in the order of names. */
  readonly holds: Holding | undefined;
  readonly open: readonly Open[];
  readonly audits: readonly RuleRef[];
  readonly faults: readonly RuleFault[];
  /** All that are about the request by what is known of who sends it. */
  readonly tested: ReadonlyMap<ConditionalRule, Held>;
}

interface Holding {
  readonly rule: ConditionalRule;
  /** A proxy would have told so. */
  readonly isTold: boolean;
  /** In the order of names, but for the id. */
  readonly rank: number;
  /** It holds because its condition could not be decided. */
  readonly fault: string | undefined;
}

interface Open {
  readonly rule: ConditionalRule;
  readonly on: readonly string[];
}

/** `allowed`: by certificate a rule without conditions allows it, and none denies it. */
export function decideConditional(
  asked: Question,
  rules: ConditionalRules,
  allowed: Allow | undefined,
): Decision {
  const { service, wanted, principals } = asked;
  const person = principals.parts?.person;
  const forPerson = person && findRule(service.deny, person, wanted);
  if (forPerson !== undefined) return deniedBy(asked, forPerson);
  const read = conditionRead(asked);
  const denials = outcomeOf(asked, rules, 'deny', read);
  if (denials.holds !== undefined) {
    const { rule, fault } = denials.holds;
    return withNotes(deniedBy(asked, rule.ref, fault), [denials]);
  }
  const grants = allowed === undefined ? outcomeOf(asked, rules, 'allow', read) : noGrants;
  const { holds } = grants;
  const granted =
    allowed ??
    (holds?.isTold ? holds.rule.allow : undefined) ??
    (person && findRule(service.allow, person, wanted)) ??
    holds?.rule.allow;
  const ways = granted === undefined ? lettingIn(asked, grants.open, denials.open) : [];
  // What nothing lets in no denial need keep out.
  const isKeptOut = granted === undefined && ways.length === 0;
  const open = isKeptOut ? [] : [...ways, ...denials.open];
  const decided: Allow | Deny = granted ?? notAllowed(asked);
  const decision = open.length === 0 ? decided : depends(decided, open);
  return withNotes(peopleOpen({ asked, read, denials, grants }, decision), [denials, grants]);
}

/** What lets in only when it is refused lets nothing in. */
function lettingIn(
  { service }: Question,
  grants: readonly Open[],
  denials: readonly Open[],
): readonly Open[] {
  if (grants.length === 0 || denials.length === 0) return grants;
  const conditionsOf = ({ rule }: Open): Conditions | undefined =>
    service.policy.rules.find(({ id }) => id === rule.ref.id)?.conditions;
  const denied = denials.map(conditionsOf);
  return grants.filter((grant) => {
    const conditions = conditionsOf(grant);
    return !denied.some((denial) => denialFollows(conditions, denial));
  });
}

const noGrants: Outcome = {
  ...{ holds: undefined, open: [], audits: [], faults: [] },
  tested: new Map(),
};

function outcomeOf(
  asked: Question,
  rules: ConditionalRules,
  effect: 'allow' | 'deny',
  read: CelRead,
): Outcome {
  const { facts, principals, wanted } = asked;
  let holds: Holding | undefined;
  const open: Open[] = [];
  const audits: RuleRef[] = [];
  const faults: RuleFault[] = [];
  const tested = new Map<ConditionalRule, Held>();
  const test = (rule: ConditionalRule): Held => {
    const held = rule.test(facts, read);
    tested.set(rule, held);
    const { ref, isAudit } = rule;
    if (held.kind === 'fault') faults.push({ rule: ref, message: held.message });
    if (held.kind === 'holds' && isAudit) audits.push(ref);
    if (held.kind === 'depends' && !isAudit) open.push({ rule, on: held.on });
    return held;
  };
  const { own, person } = principals.parts ?? { own: principals, person: undefined };
  for (const who of person === undefined ? [own] : [own, person]) {
    eachRule(rules[effect], who, wanted, (rule, rank) => {
      const held = tested.get(rule) ?? test(rule);
      const counts = held.kind === 'holds' || (held.kind === 'fault' && effect === 'deny');
      if (rule.isAudit || !counts) return;
      const fault = held.kind === 'fault' ? held.message : undefined;
      const isTold = who === own && rule.isToldByProxy && effect === 'allow';
      holds = firstHolding(holds, { rule, isTold, rank, fault });
    });
  }
  audits.sort((a, b) => compareText(a.id, b.id));
  faults.sort((a, b) => compareText(a.rule.id, b.rule.id));
  return { holds, open, audits, faults, tested };
}

/** Ranks of what is by certificate and by token do not compare: nobody but the desk names one of them. */
function firstHolding(before: Holding | undefined, next: Holding): Holding {
  if (before === undefined) return next;
  if (before.isTold !== next.isTold) return before.isTold ? before : next;
  const isFirst =
    before.rank < next.rank ||
    (before.rank === next.rank && before.rule.ref.id <= next.rule.ref.id);
  return isFirst ? before : next;
}

function depends(otherwise: Allow | Deny, open: readonly Open[]): Depends {
  return {
    kind: 'depends',
    on: [...new Set(open.flatMap(({ on }) => on))].sort(),
    rules: open.map(({ rule }) => rule.ref).sort((a, b) => (a.id < b.id ? -1 : 1)),
    otherwise,
  };
}

/** Somebody whom a rule names may be behind the request, when it is not known whose token it has. */
function peopleOpen(
  given: {
    readonly asked: Question;
    readonly read: CelRead;
    readonly denials: Outcome;
    readonly grants: Outcome;
  },
  decision: Decision,
): Decision {
  const { asked, read, denials, grants } = given;
  const { facts, service, wanted } = asked;
  if (facts.token !== unknown || service.people === undefined) return decision;
  // Nobody is behind a request without a token that verifies.
  const withToken: CelRead = (name) => (name === 'token' ? true : read(name));
  const on = new Set(['token']);
  const may = (effect: 'allow' | 'deny'): boolean =>
    mayMeetPeople(service, effect, wanted, (rule) => {
      // Who is behind it makes nothing of a rule that is about it anyway.
      if ((effect === 'allow' ? grants : denials).tested.has(rule)) return false;
      const held = rule.test(facts, withToken);
      if (held.kind === 'depends') for (const name of held.on) on.add(name);
      return held.kind !== 'fails' && (held.kind !== 'fault' || effect === 'deny');
    });
  const isLetIn = answerWithout(decision).kind === 'allow';
  const mayBeLetIn = !isLetIn && may('allow');
  const mayBeKeptOut = (isLetIn || mayBeLetIn || decision.kind === 'depends') && may('deny');
  if (!mayBeLetIn && !mayBeKeptOut) return decision;
  const open = decision.kind === 'depends' ? decision.on : denials.open.flatMap((one) => one.on);
  return {
    ...(decision.kind === 'depends'
      ? decision
      : { kind: 'depends', rules: [], otherwise: decision }),
    on: [...new Set([...open, ...on])].sort(),
  };
}

function answerWithout(decision: Decision): Allow | Deny {
  return decision.kind === 'depends' ? decision.otherwise : decision;
}

function withNotes(decision: Decision, outcomes: readonly Outcome[]): Decision {
  const audits = outcomes.flatMap((outcome) => outcome.audits);
  const faults = outcomes.flatMap((outcome) => outcome.faults);
  if (audits.length + faults.length === 0) return decision;
  const noted: Noted = { audits, faults };
  return { ...decision, noted };
}
