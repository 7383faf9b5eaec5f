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

/**
 * The same decision by the same rule. Where several rules hold, the proxy may name another than the engine does: `alsoHolds`
 * says whether that one would do the same by itself.
 */
export function compare(
  expected: Answer,
  found: Exclude<Observed, { kind: 'none' }>,
  alsoHolds: (rule: string) => boolean,
): Comparison {
  const expectedRule = expected.rule?.id as string | undefined;
  if (found.kind !== expected.kind) {
    // What names no host is denied by the engine; a proxy that need not know the host leaves it to its routes.
    return found.status === misdirected && !found.reached && isReading(expected)
      ? { agrees: true, remark: 'the routes of the proxy refuse it' }
      : { agrees: false, remark: differs(expected.kind, expectedRule, found.why) };
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
  // A policy in a proxy does not know who is a service and who is none; its rule for everybody refuses both (decision 007).
  if (expected.kind === 'deny' && expected.code === 'CH2105' && found.rule !== undefined) {
    return { agrees: true, remark: `to the proxy ${found.rule} is for whoever comes` };
  }
  return compareRules(expectedRule, found, alsoHolds);
}

function compareRules(
  expected: string | undefined,
  found: Exclude<Observed, { kind: 'none' }>,
  alsoHolds: (rule: string) => boolean,
): Comparison {
  if (found.rule === expected) return { agrees: true, remark: undefined };
  if (found.rule !== undefined && expected !== undefined && alsoHolds(found.rule)) {
    return { agrees: true, remark: `${expected} holds as well` };
  }
  return { agrees: false, remark: differs(found.kind, expected) };
}

function isReading({ kind, rule }: Answer): boolean {
  return kind === 'deny' && rule === undefined;
}

function differs(kind: Answer['kind'], rule: string | undefined, why?: string): string {
  const answer = rule === undefined ? `${kind} by no rule` : `${kind}/${rule}`;
  return [...(why === undefined ? [] : [why]), `the answer is ${answer}`].join('; ');
}
