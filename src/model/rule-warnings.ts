import type { Guest, TokenIssuer, TokenMatch } from './condition-types.ts';
import { coversGuest, isPerson, namersOf } from './guest.ts';
import { coversOperation } from './operation.ts';
import type { Report } from './roles.ts';
import type { Principal, Rule } from './types.ts';

/** Of pairs of rules; a service with more goes without these warnings, not without a quick answer. */
const comparisonsMax = 1_000_000;

/** Rules that are there for nothing. What they say is no error, but seldom what was meant. */
export function warnOfIdleRules(
  allow: readonly Rule[],
  deny: readonly Rule[],
  report: Report,
): void {
  const denies = deny.filter(isPlain);
  const allows = allow.filter(isPlain);
  const enforced = allow.filter(({ mode }) => mode === 'enforce');
  if (enforced.length * (denies.length + allows.length) > comparisonsMax) return;
  for (const rule of enforced) {
    const denial = denies.find((deny) => covers(deny, rule));
    const wider = allows.find((other) => other !== rule && covers(other, rule));
    if (denial !== undefined) {
      report({
        code: 'CH1118',
        severity: 'warning',
        message: `the allow rule "${rule.id}" lets nobody in: a deny rule forbids all of it`,
        at: rule.at,
        related: [{ at: denial.at, message: `"${denial.id}"` }],
        help: 'take one of the two out; a deny wins over any allow',
      });
    } else if (wider !== undefined && !(covers(rule, wider) && comesFirst(rule, wider, allows))) {
      report({
        code: 'CH1119',
        severity: 'warning',
        message: `the allow rule "${rule.id}" widens nothing: another one allows all of it`,
        at: rule.at,
        related: [{ at: wider.at, message: `"${wider.id}"` }],
        help: 'take it out, or narrow the other one',
      });
    }
  }
}

/** The proxy cannot tell what these look at, and so asks about all that they may be about. */
export function warnOfAskingAudits(
  deny: readonly Rule[],
  decide: 'proxy' | 'desk',
  report: Report,
): void {
  if (decide === 'desk') return;
  for (const { id, at, mode, conditions } of deny) {
    if (mode !== 'audit') continue;
    if (conditions?.token === undefined && conditions?.when === undefined) continue;
    report({
      code: 'CH1120',
      severity: 'warning',
      message: `the deny rule "${id}" in audit has the desk asked about every request that it may be about`,
      at,
      help: 'make its `from` and `to` no wider than what it is tried out for: each such request costs a question to the desk',
    });
  }
}

/** A person is known by the one token of the request, and that must be one that the rule takes as well. */
export function warnOfNeverPeople(
  rules: readonly Rule[],
  issuers: ReadonlyMap<string, TokenIssuer>,
  report: Report,
): void {
  for (const { id, at, from, conditions } of rules) {
    for (const text of new Set(from.flatMap(guestsOf))) {
      const by = namersOf(text, issuers);
      if (by === undefined || by.some((issuer) => mayCarry(issuer, conditions?.token))) continue;
      report({
        code: 'CH1142',
        severity: 'warning',
        message: `the rule "${id}" never holds for ${text}: ${whyNever(by, conditions?.token)}`,
        at,
        help: 'name an issuer with `person`, and an audience that it has in mesh.yaml',
      });
    }
  }
}

/** A role may be there for its services. */
export function warnOfConnectingPeople(rules: readonly Rule[], report: Report): void {
  for (const { id, at, from } of rules) {
    for (const who of from) {
      if (who.kind !== 'guest' || !isPerson(who.guest)) continue;
      report({
        code: 'CH1142',
        severity: 'warning',
        message: `the rule "${id}" never holds for ${who.guest}: a connection has no token`,
        at,
        help: 'name a service, a role or a SPIFFE ID: a tcp service knows its callers by their certificates',
      });
    }
  }
}

function guestsOf(who: Principal): readonly Guest[] {
  if (who.kind === 'guest') return [who.guest];
  return who.kind === 'role' ? who.guests : [];
}

/** Whether a token of the issuer may name somebody and be one that the rule wants. */
function mayCarry({ name, audiences }: TokenIssuer, wanted: TokenMatch | undefined): boolean {
  if (wanted === undefined) return true;
  const isIssuer = wanted.issuers.length === 0 || wanted.issuers.includes(name);
  // A token for an audience of one rule alone names nobody.
  const isFor =
    wanted.audiences.length === 0 || wanted.audiences.some((one) => audiences.includes(one));
  return isIssuer && isFor;
}

function whyNever(by: readonly TokenIssuer[], wanted: TokenMatch | undefined): string {
  if (by.length === 0) return 'no issuer says who somebody is';
  const issuers = wanted?.issuers ?? [];
  const fitting = by.filter(({ name }) => issuers.length === 0 || issuers.includes(name));
  return fitting.length === 0
    ? `it wants a token of ${issuers.join(' or ')}, which does not say so`
    : `a token for ${wanted?.audiences.join(' or ')} alone names nobody`;
}

/** Who and what is all that counts. */
function isPlain({ conditions, mode }: Rule): boolean {
  return conditions === undefined && mode === 'enforce';
}

/** Of two that say the same the first one stays. */
function comesFirst(rule: Rule, other: Rule, rules: readonly Rule[]): boolean {
  const at = rules.indexOf(rule);
  return at !== -1 && at < rules.indexOf(other);
}

function covers(wide: Rule, narrow: Rule): boolean {
  return (
    narrow.from.length > 0 &&
    narrow.from.every((who) => coversPrincipal(wide, who)) &&
    narrow.to.every((what) => wide.to.some((other) => coversOperation(other, what)))
  );
}

function coversPrincipal({ effect, from }: Rule, who: Principal): boolean {
  // A deny for everybody is for guests as well.
  const any = from.some(({ kind }) => kind === 'any');
  switch (who.kind) {
    case 'any':
      return any;
    case 'service':
      return any || from.some((other) => namesService(other, who.service));
    case 'guest':
      return (any && effect === 'deny') || from.some((other) => namesGuest(other, who.guest));
    case 'role':
      return (
        who.services.every((name) => any || from.some((other) => namesService(other, name))) &&
        who.guests.every(
          (guest) => (any && effect === 'deny') || from.some((other) => namesGuest(other, guest)),
        )
      );
  }
}

function namesService(principal: Principal, name: string): boolean {
  return principal.kind === 'service'
    ? principal.service === name
    : principal.kind === 'role' && principal.services.some((member) => member === name);
}

function namesGuest(principal: Principal, guest: Guest): boolean {
  return principal.kind === 'guest'
    ? coversGuest(principal.guest, guest)
    : principal.kind === 'role' && principal.guests.some((member) => coversGuest(member, guest));
}
