import type { Caller } from './canonical-principal.ts';
import type { CompiledPolicy } from './compiled-policy.ts';
import type { Known, TokenFacts, TokenStanding } from './facts.ts';
import { unknown } from './facts.ts';
import { ruleText, type Texts, unknownText } from './texts.ts';

const anyone = '*';

/** Under what a request is looked up in the index of rules, the nearest first. */
export interface Principals {
  readonly allow: readonly string[];
  /** A deny for everybody is for guests as well; an allow for everybody is for this mesh only. */
  readonly deny: readonly string[];
  /** Those of them that some rule names, in the numbers of the policy's texts. */
  readonly numbers: { readonly [effect in 'allow' | 'deny']: readonly number[] };
}

export function numbered(texts: Texts, principals: Pick<Principals, 'allow' | 'deny'>): Principals {
  const { allow, deny } = principals;
  const of = (keys: readonly string[]): readonly number[] =>
    keys.map((key) => ruleText(texts, key)).filter((number) => number !== unknownText);
  const allowed = of(allow);
  return { allow, deny, numbers: { allow: allowed, deny: deny === allow ? allowed : of(deny) } };
}

/**
 * Undefined for a caller that is no service of this mesh and that no rule names, whatever its certificate says. A person
 * adds to what the caller may do, and never replaces the caller.
 */
export function principalsOf(
  policy: CompiledPolicy,
  caller: Caller | undefined,
  token: Known<TokenStanding>,
): Principals | undefined {
  const own = callerPrincipals(policy, caller);
  const person = token !== unknown && token.kind === 'valid' ? personOf(token.token) : undefined;
  if (own === undefined || person === undefined || policy.guests.size === 0) return own;
  const also = guestPrincipals(policy, [`person:${person}`]);
  if (also.length === 0) return own;
  return numbered(policy.texts, {
    allow: [...also, ...own.allow],
    deny: [...also, ...own.deny],
  });
}

/** A token for somebody else says nothing about who is here: whoever got it could show it everywhere. */
function personOf({ person, onlyForRules }: TokenFacts): string | undefined {
  return onlyForRules ? undefined : person;
}

function callerPrincipals(
  policy: CompiledPolicy,
  caller: Caller | undefined,
): Principals | undefined {
  if (caller === undefined) return undefined;
  const { trustDomain, name } = caller;
  if (trustDomain === policy.trustDomain) return policy.callers.get(name);
  if (policy.guests.size === 0) return undefined;
  const own = guestPrincipals(policy, [
    `spiffe://${trustDomain}/${name}`,
    `spiffe://${trustDomain}/**`,
  ]);
  return own.length === 0
    ? undefined
    : numbered(policy.texts, { allow: own, deny: [...own, anyone] });
}

function guestPrincipals({ guests }: CompiledPolicy, keys: readonly string[]): readonly string[] {
  const known = keys.filter((key) => guests.has(key));
  return [...known, ...new Set(known.flatMap((key) => guests.get(key) ?? []))];
}
