import { placeText } from '../base/place-text.ts';
import { actionText, type Deny, deny, type NearMiss, type RuleRef } from './decision.ts';
import { unknown } from './facts.ts';
import { nearMisses } from './near-misses.ts';
import type { Question } from './question.ts';
import { allowSuggestion } from './suggestion.ts';

/** A service of this mesh by its name, anybody else by the whole identity. */
function callerName({ policy, caller }: Pick<Question, 'policy' | 'caller'>): string {
  const { trustDomain, name } = caller;
  return trustDomain === policy.trustDomain ? name : `spiffe://${trustDomain}/${name}`;
}

/** `fault`: its condition could not be decided, and then it holds. */
export function deniedBy(asked: Question, rule: RuleRef, fault?: string): Deny {
  const what = `${callerName(asked)} may not ${actionText(asked.action)} on ${asked.service.policy.name}`;
  const place = placeText(rule.at);
  return fault === undefined
    ? deny({
        code: 'CH2102',
        reason: `${what}: deny rule "${rule.id}" (${place}) forbids it`,
        rule,
      })
    : deny({
        code: 'CH2110',
        reason: `${what}: the condition of deny rule "${rule.id}" (${place}) cannot be decided, ${fault}`,
        rule,
      });
}

export function notAllowed(asked: Question): Deny {
  const { service, action, facts } = asked;
  const { name, file } = service.policy;
  const caller = callerName(asked);
  const closest = nearMisses(asked, caller);
  const token = facts.token === unknown ? undefined : facts.token;
  const what = `${caller} may not ${actionText(action)} on ${name}`;
  const [first] = closest;
  if (first?.clause === 'token' && token !== undefined && token.kind !== 'valid') {
    const rule = `rule "${first.rule.id}" (${placeText(first.rule.at)})`;
    return token.kind === 'none'
      ? deny({ code: 'CH2108', reason: `${what}: ${rule} wants ${first.wanted}`, closest })
      : deny({
          code: token.code,
          reason: `${what}: ${rule} wants ${first.wanted}, but ${token.reason}`,
          closest,
        });
  }
  return deny({
    code: 'CH2101',
    reason: `${what}: ${whyNot(isNamed(asked, closest), first, { file, caller })}`,
    closest,
    help: isBlockedByCondition(first)
      ? undefined
      : allowSuggestion({ service: service.policy, caller, action }),
  });
}

function isNamed({ principals, service }: Question, closest: readonly NearMiss[]): boolean {
  return (
    closest.some(({ clause }) => clause !== 'from') ||
    principals.allow.some((principal) => service.allowRules.has(principal))
  );
}

function whyNot(
  named: boolean,
  first: NearMiss | undefined,
  { file, caller }: { readonly file: string; readonly caller: string },
): string {
  if (!named) return `no allow rule in ${file} names ${caller}`;
  return first !== undefined && isBlockedByCondition(first)
    ? `rule "${first.rule.id}" (${placeText(first.rule.at)}) wants ${first.wanted}`
    : `no allow rule in ${file} covers that`;
}

function isBlockedByCondition(miss: NearMiss | undefined): boolean {
  switch (miss?.clause) {
    case 'host':
    case 'header':
    case 'token':
    case 'when':
      return true;
    default:
      return false;
  }
}
