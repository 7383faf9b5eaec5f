import type { CompiledService, ConditionalRule } from './compiled-policy.ts';
import { eachRule, findRule } from './rule-index.ts';
import type { Wanted } from './texts.ts';

/** Whether a rule about this request names somebody who is known by a token only, and may hold. */
export function mayMeetPeople(
  service: CompiledService,
  effect: 'allow' | 'deny',
  wanted: Wanted,
  mayHold: (rule: ConditionalRule) => boolean = () => true,
): boolean {
  const { people, conditional } = service;
  if (people === undefined) return false;
  if (findRule<unknown>(service[effect], people, wanted) !== undefined) return true;
  if (conditional === undefined) return false;
  let found = false;
  eachRule(conditional[effect], people, wanted, (rule) => {
    found ||= !rule.isAudit && mayHold(rule);
  });
  return found;
}
