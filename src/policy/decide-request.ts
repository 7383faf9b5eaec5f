import { grantAt } from '../model/grant-place.ts';
import type { CompiledPolicy } from './compiled-policy.ts';
import { decide, type PolicyRequest } from './decide.ts';
import { type Allow, type Decision, type Depends, deny, type Noted } from './decision.ts';
import { compareText } from './document.ts';
import type { Reading } from './other-readings.ts';

/** A request is allowed when it is in every reading that an application could have of it. */
export function decideRequest(
  policy: CompiledPolicy,
  request: PolicyRequest,
  others: readonly Reading[],
): Decision {
  const own = decide(policy, request);
  if (own.kind === 'deny' || others.length === 0) return own;
  let decision: Allow | Depends = own;
  const noted = [own.noted];
  for (const { method, path, because } of others) {
    const also = decide(policy, { ...request, action: { kind: 'http', method, path } });
    noted.push(also.noted);
    if (also.kind === 'deny') {
      const reason = `${because}, and ${also.reason}`;
      return withNoted(deny({ ...also, code: 'CH2130', reason }), noted);
    }
    decision = together(decision, also);
  }
  return withNoted(decision, noted);
}

/** Of two that let it in the first is named; but a grant leaves a record wherever something goes through by it. */
function together(one: Allow | Depends, other: Allow | Depends): Allow | Depends {
  if (one.kind === 'depends') return other.kind === 'depends' ? bothOpen(one, other) : one;
  if (other.kind === 'depends') return other;
  return grantAt(one.rule.at) === undefined && grantAt(other.rule.at) !== undefined ? other : one;
}

function bothOpen(one: Depends, other: Depends): Depends {
  const rules = new Map([...one.rules, ...other.rules].map((rule) => [rule.id, rule]));
  return {
    ...one,
    on: [...new Set([...one.on, ...other.on])].sort(),
    rules: [...rules.values()].sort((a, b) => compareText(a.id, b.id)),
    otherwise: one.otherwise.kind === 'deny' ? one.otherwise : other.otherwise,
  };
}

/** What is to be said of any reading. */
function withNoted(decision: Decision, all: readonly (Noted | undefined)[]): Decision {
  const audits = new Map(all.flatMap((one) => one?.audits ?? []).map((rule) => [rule.id, rule]));
  const faults = new Map(
    all.flatMap((one) => one?.faults ?? []).map((fault) => [fault.rule.id, fault]),
  );
  if (audits.size + faults.size === 0) return decision;
  const noted: Noted = {
    audits: [...audits.values()].sort((a, b) => compareText(a.id, b.id)),
    faults: [...faults.values()].sort((a, b) => compareText(a.rule.id, b.rule.id)),
  };
  return { ...decision, noted };
}
