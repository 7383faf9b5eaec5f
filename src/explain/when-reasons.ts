import { type CelReason, explainCel } from '../cel/explain.ts';
import type { Intent, Rule, ServiceName } from '../model/types.ts';
import type { PolicyRequest } from '../policy/decide.ts';
import type { Answer } from '../policy/decision.ts';
import { nothingKnown } from '../policy/facts.ts';
import { intentPolicy } from '../policy/intent-policy.ts';
import { principalsAt } from '../policy/principals.ts';
import { conditionRead } from '../policy/question.ts';

/** A part of the `when` of a rule that keeps the whole from holding. */
export interface WhenReason {
  /** As the rule says it. */
  readonly part: string;
  /** `is false`, or what went wrong. */
  readonly outcome: string;
  /** What was read for it, as `source.team is "web"`. */
  readonly values: readonly string[];
}

/**
 * Of each rule near to a denied request whose `when` does not hold: why, by the rule's id. For whoever may see the whole
 * intent and names the facts of the request; a desk tells callers none of it.
 */
export function whenReasons(
  intent: Intent,
  { caller, callee, action, facts = nothingKnown }: PolicyRequest,
  answer: Answer,
  rules: ReadonlyMap<string, Rule>,
): ReadonlyMap<string, readonly WhenReason[]> {
  const { policy } = intentPolicy(intent);
  const service = policy.services.get(callee as ServiceName);
  if (answer.kind !== 'deny' || service === undefined) return new Map();
  const principals = principalsAt(policy, service, caller, facts.token);
  if (caller === undefined || principals === undefined) return new Map();
  const read = conditionRead({ policy, service, caller, principals, action, facts });
  const near = answer.closest.filter(({ clause }) => clause === 'when');
  return new Map(
    near.flatMap(({ rule: { id } }) => {
      const when = rules.get(id)?.conditions?.when;
      if (when === undefined) return [];
      const reasons = explainCel(when.expr, read).map((one) => reasonOf(when.text, one));
      return [[id, reasons] as const];
    }),
  );
}

function reasonOf(text: string, reason: CelReason): WhenReason {
  const { offset, length, outcome, message, values } = reason;
  const part = text.slice(offset, offset + length);
  if (message !== undefined) return { part, outcome: `is not decided: ${message}`, values: [] };
  const read = values.map((value) => `${value.name} is ${value.text}`);
  return { part, outcome: `is ${outcome}`, values: read };
}
