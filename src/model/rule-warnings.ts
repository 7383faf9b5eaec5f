import type { Guest, TokenIssuer, TokenMatch } from './condition-types.ts';
import { isPerson, namersOf } from './guest.ts';
import { idleRules } from './idle-rules.ts';
import type { Report } from './roles.ts';
import type { Principal, Rule } from './types.ts';

/** Rules that are there for nothing. What they say is no error, but seldom what was meant. */
export function warnOfIdleRules(
  allow: readonly Rule[],
  deny: readonly Rule[],
  report: Report,
): void {
  for (const { rule, kind, by } of idleRules(allow, deny)) {
    const { code, one, several } = idleTexts[kind];
    const { because, help } = by.length > 1 ? several : one;
    report({
      code,
      severity: 'warning',
      message: `the allow rule "${rule.id}" ${because}`,
      at: rule.at,
      related: by.slice(0, relatedMax).map(({ id, at }) => ({ at, message: `"${id}"` })),
      help,
    });
  }
}

const relatedMax = 8;

const idleTexts = {
  denied: {
    code: 'CH1118',
    one: {
      because: 'lets nobody in: a deny rule forbids all of it',
      help: 'take one of the two out; a deny wins over any allow',
    },
    several: {
      because: 'lets nobody in: deny rules together forbid all of it',
      help: 'take it out, or narrow one of them; a deny wins over any allow',
    },
  },
  allowed: {
    code: 'CH1119',
    one: {
      because: 'widens nothing: another one allows all of it',
      help: 'take it out, or narrow the other one',
    },
    several: {
      because: 'widens nothing: other rules together settle all of it',
      help: 'take it out, or narrow one of the others',
    },
  },
} as const;

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
        message: `the rule "${id}" ${howSeldom(text, by, conditions?.token)}`,
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

/** Whether a token of the issuer alone may name somebody and be one that the rule wants. */
function mayCarry({ name, audiences }: TokenIssuer, wanted: TokenMatch | undefined): boolean {
  if (wanted === undefined) return true;
  const isIssuer = wanted.issuers.length === 0 || wanted.issuers.includes(name);
  // A token for an audience of one rule alone names nobody.
  const isFor =
    wanted.audiences.length === 0 || wanted.audiences.some((one) => audiences.includes(one));
  return isIssuer && isFor;
}

function howSeldom(
  guest: Guest,
  by: readonly TokenIssuer[],
  wanted: TokenMatch | undefined,
): string {
  const never = `never holds for ${guest}`;
  if (by.length === 0) return `${never}: no issuer says who somebody is`;
  const issuers = wanted?.issuers ?? [];
  const fitting = by.filter(({ name }) => issuers.length === 0 || issuers.includes(name));
  if (fitting.length === 0)
    return `${never}: it wants a token of ${issuers.join(' or ')}, which does not say so`;
  // A token for an audience of one rule alone names nobody.
  const own = [...new Set(fitting.flatMap(({ audiences }) => audiences))];
  const both = `${wanted?.audiences.join(' or ')} and for ${own.join(' or ')}`;
  return `holds for ${guest} only by a token that is for ${both}`;
}
