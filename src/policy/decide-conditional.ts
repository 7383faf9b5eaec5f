import type { CelRead } from '../cel/value.ts';
import type { ConditionalRule, ConditionalRules } from './compiled-policy.ts';
import type { Allow, Decision, Deny, Depends, Noted, RuleFault, RuleRef } from './decision.ts';
import { deniedBy, notAllowed } from './denials.ts';
import { compareText } from './document.ts';
import { unknown } from './facts.ts';
import { conditionRead, type Question } from './question.ts';
import { eachRule } from './rule-index.ts';

/** What the rules of one effect come to. */
interface Outcome {
  /** Of those that hold, the one with the smallest id, whatever their order. */
  readonly holds: ConditionalRule | undefined;
  /** Whether it holds because its condition could not be decided. */
  readonly fault: string | undefined;
  readonly open: readonly Open[];
  readonly audits: readonly RuleRef[];
  readonly faults: readonly RuleFault[];
}

interface Open {
  readonly rule: ConditionalRule;
  readonly on: readonly string[];
}

/** `allowed`: a rule without conditions allows it. No rule without conditions denies it. */
export function decideConditional(
  asked: Question,
  rules: ConditionalRules,
  allowed: Allow | undefined,
): Decision {
  const read = conditionRead(asked);
  const denials = outcomeOf(asked, rules, 'deny', read);
  if (denials.holds !== undefined) {
    return withNotes(deniedBy(asked, denials.holds.ref, denials.fault), [denials]);
  }
  const grants = allowed === undefined ? outcomeOf(asked, rules, 'allow', read) : noGrants;
  const granted = allowed ?? grants.holds?.allow;
  const open = granted === undefined ? grants.open : denials.open;
  const decided: Allow | Deny = granted ?? notAllowed(asked);
  const decision = open.length === 0 ? decided : depends(decided, open);
  return withNotes(peopleOpen(asked, decision), [denials, grants]);
}

const noGrants: Outcome = { holds: undefined, fault: undefined, open: [], audits: [], faults: [] };

function outcomeOf(
  asked: Question,
  rules: ConditionalRules,
  effect: 'allow' | 'deny',
  read: CelRead,
): Outcome {
  const { facts, principals, wanted } = asked;
  let [holds, fault]: [ConditionalRule | undefined, string | undefined] = [undefined, undefined];
  const open: Open[] = [];
  const audits: RuleRef[] = [];
  const faults: RuleFault[] = [];
  const seen = new Set<ConditionalRule>();
  eachRule(rules[effect], principals, wanted, (rule) => {
    if (seen.has(rule)) return;
    seen.add(rule);
    const held = rule.test(facts, read);
    if (held.kind === 'fails') return;
    const { ref } = rule;
    if (held.kind === 'fault') faults.push({ rule: ref, message: held.message });
    if (rule.isAudit) {
      if (held.kind === 'holds') audits.push(ref);
    } else if (held.kind === 'depends') {
      open.push({ rule, on: held.on });
    } else if (held.kind === 'holds' || effect === 'deny') {
      if (holds !== undefined && holds.ref.id <= ref.id) return;
      holds = rule;
      fault = held.kind === 'fault' ? held.message : undefined;
    }
  });
  audits.sort((a, b) => compareText(a.id, b.id));
  faults.sort((a, b) => compareText(a.rule.id, b.rule.id));
  return { holds, fault, open, audits, faults };
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
function peopleOpen({ service, facts }: Question, decision: Decision): Decision {
  if (facts.token !== unknown || !service.namesPeople || decision.kind === 'depends') {
    return decision;
  }
  return { kind: 'depends', on: ['token'], rules: [], otherwise: decision };
}

function withNotes(decision: Decision, outcomes: readonly Outcome[]): Decision {
  const audits = outcomes.flatMap((outcome) => outcome.audits);
  const faults = outcomes.flatMap((outcome) => outcome.faults);
  if (audits.length + faults.length === 0) return decision;
  const noted: Noted = { audits, faults };
  return { ...decision, noted };
}
