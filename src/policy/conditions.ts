import type { Json } from '../base/json.ts';
import { compileCel } from '../cel/compile.ts';
import { absent, type CelProgram, type CelRead } from '../cel/value.ts';
import type { ClaimMatch, Conditions, TokenMatch } from '../model/condition-types.ts';
import type { ValueMatch } from '../model/types.ts';
import type { ConditionClause } from './decision.ts';
import { type HeaderLines, type RequestFacts, type TokenFacts, unknown } from './facts.ts';

/** Whether the conditions of a rule hold for a request. */
export type Held =
  | { readonly kind: 'holds' }
  | { readonly kind: 'fails'; readonly clause: ConditionClause }
  /** It cannot be decided, and never will: a deny holds then, an allow does not. */
  | { readonly kind: 'fault'; readonly clause: ConditionClause; readonly message: string }
  /** It depends on what is not known. */
  | { readonly kind: 'depends'; readonly on: readonly string[] };

/** Tells of facts and of what CEL reads of them; the reader is made once a request. */
export type Test = (facts: RequestFacts, read: CelRead) => Held;

export const holds: Held = { kind: 'holds' };

const failsBy: Readonly<Record<ConditionClause, Held>> = {
  host: { kind: 'fails', clause: 'host' },
  header: { kind: 'fails', clause: 'header' },
  token: { kind: 'fails', clause: 'token' },
  when: { kind: 'fails', clause: 'when' },
};

/** The cheap ones first. What fails decides, whatever else is not known or at fault. */
export function compileConditions(conditions: Conditions, effect: 'allow' | 'deny'): Test {
  const { hosts, headers, token, when } = conditions;
  const tests: Test[] = [
    ...(hosts.length === 0 ? [] : [hostTest(hosts)]),
    ...headers.map((header) => headerTest(header, effect)),
    ...(token === undefined ? [] : [tokenTest(token)]),
    ...(when === undefined
      ? []
      : [whenTest(compileCel(when.expr), (token?.audiences.length ?? 0) > 0)]),
  ];
  const [only] = tests;
  return only !== undefined && tests.length === 1 ? only : allOf(tests, effect);
}

function allOf(tests: readonly Test[], effect: 'allow' | 'deny'): Test {
  return (facts, read) => {
    let open: Held = holds;
    for (const test of tests) {
      const held = test(facts, read);
      if (held.kind === 'fails') return held;
      if (held.kind !== 'holds') open = worse(open, held, effect);
    }
    return open;
  };
}

/** Of a denial what is not known may yet fail, so it outweighs a fault; of an allow nothing makes up for a fault. */
function worse(before: Held, held: Held, effect: 'allow' | 'deny'): Held {
  const fault = [before, held].find(({ kind }) => kind === 'fault');
  if (effect === 'allow' && fault !== undefined) return fault;
  if (held.kind === 'depends' && before.kind === 'depends') {
    return { kind: 'depends', on: [...new Set([...before.on, ...held.on])] };
  }
  return held.kind === 'depends' || before.kind === 'holds' ? held : before;
}

function hostTest(hosts: readonly string[]): Test {
  const depends: Held = { kind: 'depends', on: ['request.host'] };
  return ({ host }) => {
    if (host === unknown) return depends;
    return hosts.includes(host) ? holds : failsBy.host;
  };
}

function headerTest({ name, value }: ValueMatch, effect: 'allow' | 'deny'): Test {
  const depends: Held = { kind: 'depends', on: [`header ${name}`] };
  const wanted = value.kind === 'exact' ? value.text : undefined;
  return ({ headers, moreHeaders }) => {
    if (headers === unknown) return depends;
    const values = valuesOf(headers, name);
    if (values.length === 0 && moreHeaders) return depends;
    const isMet = effect === 'deny' ? anyValue(values, wanted) : oneValue(values, wanted);
    return isMet ? holds : failsBy.header;
  };
}

/** The application may take any of several values, or any item of a list. */
function anyValue(values: readonly string[], wanted: string | undefined): boolean {
  if (wanted === undefined) return values.length > 0;
  return values.some(
    (value) => value === wanted || value.split(',').some((item) => item.trim() === wanted),
  );
}

/** Of several values it is not known which one counts, so none does. */
function oneValue(values: readonly string[], wanted: string | undefined): boolean {
  return values.length === 1 && (wanted === undefined || values[0] === wanted);
}

function valuesOf(headers: HeaderLines, name: string): readonly string[] {
  return headers.flatMap(([other, value]) => (other === name ? [value] : []));
}

function tokenTest(match: TokenMatch): Test {
  const depends: Held = { kind: 'depends', on: ['token'] };
  return ({ token }) => {
    if (token === unknown) return depends;
    const isMet = token.kind === 'valid' && missingOf(token.token, match) === undefined;
    return isMet ? holds : failsBy.token;
  };
}

/** What a token can lack of what a rule wants. */
export type MissingPart =
  | { readonly kind: 'issuer'; readonly issuers: readonly string[] }
  | { readonly kind: 'audience'; readonly audiences: readonly string[] }
  /** It is for an audience that only other rules name. */
  | { readonly kind: 'audience of the mesh' }
  | { readonly kind: 'scope'; readonly scope: string }
  | { readonly kind: 'claim'; readonly claim: ClaimMatch };

/** The first thing that a valid token lacks; undefined: it has all. */
export function missingOf(token: TokenFacts, match: TokenMatch): MissingPart | undefined {
  const { issuers, audiences, scopes, claims } = match;
  if (issuers.length > 0 && !issuers.includes(token.issuerName)) return { kind: 'issuer', issuers };
  if (audiences.length > 0 && !audiences.some((one) => token.audiences.includes(one))) {
    return { kind: 'audience', audiences };
  }
  if (audiences.length === 0 && token.onlyForRules) return { kind: 'audience of the mesh' };
  const scope = scopes.find((one) => !token.scopes.includes(one));
  if (scope !== undefined) return { kind: 'scope', scope };
  const claim = claims.find((one) => !hasClaim(token, one));
  return claim && { kind: 'claim', claim };
}

function hasClaim({ claims }: TokenFacts, { name, values }: ClaimMatch): boolean {
  const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (claim === undefined || claim === null) return false;
  const items: readonly Json[] = Array.isArray(claim) ? claim : [claim];
  return items.some((item) => typeof item !== 'object' && values.includes(String(item)));
}

/** `namesAudience`: the token was held against an audience of the rule itself. */
function whenTest(program: CelProgram, namesAudience: boolean): Test {
  return (facts, read) => {
    const outcome = program(namesAudience ? read : withoutForeignToken(facts, read));
    switch (outcome.kind) {
      case 'value':
        return outcome.value === true ? holds : failsBy.when;
      case 'error':
        return { kind: 'fault', clause: 'when', message: outcome.message };
      case 'unknown':
        return { kind: 'depends', on: outcome.names };
    }
  };
}

/** What somebody got for one rule must not open another. */
function withoutForeignToken({ token }: RequestFacts, read: CelRead): CelRead {
  if (token === unknown || token.kind !== 'valid' || !token.token.onlyForRules) return read;
  return (name) => (name === 'token' || name.startsWith('token.') ? absent : read(name));
}
