import type { Caller } from './canonical-principal.ts';
import type { CompiledPolicy, CompiledService } from './compiled-policy.ts';
import { type Known, type TokenFacts, type TokenStanding, unknown } from './facts.ts';
import { anyone } from './rule-parts.ts';
import { ruleText, type Texts, unknownText } from './texts.ts';

/** Under what a request is looked up in the index of rules. */
export interface Principals {
  readonly allow: readonly string[];
  /** A deny for everybody is for guests as well; an allow for everybody is for this mesh only. */
  readonly deny: readonly string[];
  /** Those of them that some rule names, in the numbers of the policy's texts. */
  readonly numbers: { readonly [effect in 'allow' | 'deny']: readonly number[] };
  /** Which of them are by the certificate, and which by the token; undefined: all are by the certificate. */
  readonly parts?: { readonly own: Principals; readonly person: Principals };
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
function principalsOf(
  policy: CompiledPolicy,
  caller: Caller | undefined,
  token: Known<TokenStanding>,
): Principals | undefined {
  const own = callerPrincipals(policy, caller);
  const people = token !== unknown && token.kind === 'valid' ? peopleOf(token.token) : [];
  if (own === undefined || people.length === 0 || policy.guests.size === 0) return own;
  const also = guestPrincipals(policy, people);
  if (also.length === 0) return own;
  const [allow, deny] = [own.allow, own.deny].map((keys) => [...keys, ...also]) as [
    string[],
    string[],
  ];
  const person = numbered(policy.texts, { allow: also, deny: also });
  return { ...numbered(policy.texts, { allow, deny }), parts: { own, person } };
}

/**
 * As `principalsOf`, at one service: a caller of another trust domain is known where a rule names it, itself or by all of
 * its trust domain or a role. Who is behind it makes nobody of it, and what other services' rules say is no matter.
 */
export function principalsAt(
  policy: CompiledPolicy,
  service: CompiledService,
  caller: Caller | undefined,
  token: Known<TokenStanding>,
): Principals | undefined {
  const principals = principalsOf(policy, caller, token);
  if (principals === undefined || caller?.trustDomain === policy.trustDomain) return principals;
  const { allow, deny, conditional } = service;
  const indexes = [allow, deny, ...(conditional ? [conditional.allow, conditional.deny] : [])];
  const own = principals.parts?.own ?? principals;
  const isNamed = own.allow.some((key) => indexes.some((index) => index.principals.has(key)));
  return isNamed ? principals : undefined;
}

/**
 * As any issuer names them, and as this one does. A token for somebody else says nothing about who is here: whoever got it
 * could show it everywhere. A name with a slash could be taken for one that another issuer is named in.
 */
function peopleOf({ person, issuerName, onlyForRules }: TokenFacts): readonly string[] {
  if (onlyForRules || person === undefined || person.includes('/')) return [];
  return [`person:${person}`, `person:${issuerName}/${person}`];
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
