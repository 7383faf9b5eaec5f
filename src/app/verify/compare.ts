import type { Answer } from '../../policy/decision.ts';
import type { Observed } from './observed.ts';

/** What comes of holding the answer of the engine against what became of the request. */
export interface Comparison {
  readonly agrees: boolean;
  /** What of it is not alike, or is alike only in the end. */
  readonly remark: string | undefined;
}

/** The routes of a proxy serve its own service only, whatever the rules say. */
const misdirected = 421;

/** The same decision by the same rule; see `src/policy/rule-order.ts`. */
export function compare(expected: Answer, found: Exclude<Observed, { kind: 'none' }>): Comparison {
  const expectedRule = expected.rule?.id as string | undefined;
  if (found.kind !== expected.kind) {
    return { agrees: false, remark: differs(expected.kind, expectedRule, found.why) };
  }
  if (found.kind === 'deny' && (found.in === 'handshake' || found.in === 'listener')) {
    return { agrees: !found.reached, remark: found.why };
  }
  if (found.kind === 'allow' && !found.reached) {
    return found.status === misdirected
      ? { agrees: true, remark: 'its policy lets it through, and its routes refuse the host' }
      : { agrees: false, remark: 'its policy lets it through, and it did not arrive' };
  }
  if (found.kind === 'deny' && found.reached) {
    return { agrees: false, remark: 'it arrived all the same' };
  }
  return compareRules(expectedRule, found);
}

function compareRules(
  expected: string | undefined,
  found: Exclude<Observed, { kind: 'none' }>,
): Comparison {
  if (found.rule === expected) return { agrees: true, remark: undefined };
  return { agrees: false, remark: differs(found.kind, expected) };
}

function differs(kind: Answer['kind'], rule: string | undefined, why?: string): string {
  const answer = rule === undefined ? `${kind} by no rule` : `${kind}/${rule}`;
  return [...(why === undefined ? [] : [why]), `the answer is ${answer}`].join('; ');
}
