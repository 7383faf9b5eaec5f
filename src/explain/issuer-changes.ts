import { createHash } from 'node:crypto';
import { type CelExpr, partsOf } from '../cel/expr.ts';
import { isPerson } from '../model/guest.ts';
import type { PolicyDocument, PolicyIssuer, PolicyRule } from '../policy/document.ts';

/**
 * Whose tokens are believed stands in mesh.yaml and in no rule: a rule that says the same lets in somebody else when keys,
 * audiences or the claim that names people are others.
 */
export interface IssuerChange {
  /** As rules call it. */
  readonly name: string;
  /** The services with a rule on either side that may look at its tokens. */
  readonly callees: readonly string[];
  readonly parts: readonly IssuerPart[];
}

interface IssuerPart {
  readonly what: 'issuer' | 'audiences' | 'person' | 'keys';
  /** Undefined: there is none, or no such issuer. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Enough to tell the few keys of an issuer apart. */
const keyMarkLength = 8;

/** Only of issuers on whose tokens something hangs. */
export function issuerChanges(
  before: PolicyDocument,
  after: PolicyDocument,
): readonly IssuerChange[] {
  // Without conditions and people a document does not name them, and nothing hangs on them.
  const [old, now] = [before.issuers, after.issuers];
  if (old === undefined || now === undefined) return [];
  const names = [...new Set([...old, ...now].map(({ name }) => name))].sort();
  return names.flatMap((name) => {
    const [was, is] = [old, now].map((all) => all.find((one) => one.name === name));
    const parts = partsBetween(was, is);
    if (parts.length === 0) return [];
    const callees = [before, after].flatMap((document) => readersOf(document, name));
    return callees.length === 0 ? [] : [{ name, callees: [...new Set(callees)].sort(), parts }];
  });
}

function partsBetween(
  was: PolicyIssuer | undefined,
  is: PolicyIssuer | undefined,
): readonly IssuerPart[] {
  const texts: Readonly<Record<IssuerPart['what'], (one: PolicyIssuer) => string | undefined>> = {
    issuer: ({ issuer }) => issuer,
    audiences: ({ audiences }) => [...audiences].sort().join(', '),
    person: ({ personClaim }) => personClaim,
    keys: ({ jwks }) => keysOf(jwks).join(', '),
  };
  return Object.entries(texts).flatMap(([what, textOf]): readonly IssuerPart[] => {
    const [before, after] = [was && textOf(was), is && textOf(is)];
    return before === after ? [] : [{ what: what as IssuerPart['what'], before, after }];
  });
}

/** Each with all that it says, whatever the order and the white space. */
function keysOf(jwks: string): readonly string[] {
  try {
    const { keys } = JSON.parse(jwks) as { readonly keys?: unknown };
    return Array.isArray(keys) ? keys.map(keyText).sort() : [jwks];
  } catch {
    return [jwks];
  }
}

/** Its name, and what tells it from another one of that name. */
function keyText(key: Readonly<Record<string, unknown>>): string {
  const whole = JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)));
  const mark = createHash('sha256').update(whole).digest('hex').slice(0, keyMarkLength);
  return `${typeof key['kid'] === 'string' ? key['kid'] : 'a key'} (${mark})`;
}

function readersOf(document: PolicyDocument, issuer: string): readonly string[] {
  const isReader = tokenReader(document, issuer);
  return document.services.filter(({ rules }) => rules.some(isReader)).map(({ name }) => name);
}

/** Whether what a rule is about may hang on a token of this issuer. */
export function tokenReader(
  { roles }: Pick<PolicyDocument, 'roles'>,
  issuer: string,
): (rule: PolicyRule) => boolean {
  const withPeople = new Set(
    roles
      .filter(({ guests = [] }) => guests.some((guest) => isNamedBy(guest, issuer)))
      .map(({ name }) => name as string),
  );
  return (rule) => readsTokenOf(rule, issuer, withPeople);
}

function readsTokenOf(
  { from, conditions }: PolicyRule,
  issuer: string,
  withPeople: ReadonlySet<string>,
): boolean {
  const { token, when } = conditions ?? {};
  const isWanted = token && (token.issuers.length === 0 || token.issuers.includes(issuer));
  if (isWanted === true || (when !== undefined && readsToken(when.expr))) return true;
  return from.some(
    (who) =>
      (who.kind === 'guest' && isNamedBy(who.guest, issuer)) ||
      (who.kind === 'role' && withPeople.has(who.role)),
  );
}

/** `person:NAME` is whom any issuer calls so, `person:ISSUER/NAME` whom that one does. */
function isNamedBy(guest: string, issuer: string): boolean {
  return isPerson(guest) && (!guest.includes('/') || guest.startsWith(`person:${issuer}/`));
}

function readsToken(expr: CelExpr): boolean {
  if (expr.k === 'var' || expr.k === 'has') return /^token(?:\.|$)/.test(expr.name);
  return partsOf(expr).some(readsToken);
}
