import type { CompiledService, ConditionalRule } from './compiled-policy.ts';
import { eachRule, findRule } from './rule-index.ts';
import type { Wanted } from './texts.ts';

/** Whether a rule about this request names somebody who is known by a token only, and may hold: asked of each of them. */
export function mayMeetPeople(
  service: CompiledService,
  effect: 'allow' | 'deny',
  wanted: Wanted,
  mayHold: (rule: ConditionalRule) => boolean = () => true,
): boolean {
  const { people, conditional } = service;
  if (people === undefined) return false;
  let found = findRule<unknown>(service[effect], people, wanted) !== undefined;
  if (conditional === undefined) return found;
  eachRule(conditional[effect], people, wanted, (rule) => {
    if (!rule.isAudit && mayHold(rule)) found = true;
  });
  return found;
}
