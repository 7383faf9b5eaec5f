import { type CompiledPolicy, compilePolicy } from '../policy/compiled-policy.ts';
import type { Action } from '../policy/decision.ts';
import type { PolicyDocument, PolicyRule } from '../policy/document.ts';
import { withoutFinalSlash } from '../policy/path-index.ts';
import { principalKey, requestOf } from '../policy/rule-parts.ts';
import { type IssuerChange, issuerChanges } from './issuer-changes.ts';
import { otherSegment, pathSpace, type Region, regionsOf, valuesIn } from './path-space.ts';
import {
  answerKey,
  type SpaceAnswer,
  type Standing,
  standingOf,
  type Who,
} from './policy-answer.ts';

/**
 * Questions that one callee may cost: more than ten thousand rules without wildcards among them. Stars before names multiply,
 * and then it is said that it was too much.
 */
export const questionsMax = 200_000;

/** What two policies permit differently, exactly; a cell for each set of callers, methods and paths that change alike. */
export interface SpaceDiff {
  readonly cells: readonly SpaceCell[];
  /** Whose tokens are believed otherwise: a cell counts tokens by what rules say of them. */
  readonly issuers: readonly IssuerChange[];
  /** Callees for which it takes more than `questionsMax`. */
  readonly tooLarge: readonly string[];
  /** Callees that were compared. */
  readonly callees: number;
}

export interface SpaceCell {
  readonly callee: string;
  readonly who: readonly Who[];
  /** Whose tokens count at this callee; who has none has that of none of these. */
  readonly people: readonly string[];
  readonly what: SpaceRequests;
  readonly before: SpaceAnswer;
  readonly after: SpaceAnswer;
  readonly effect: 'added' | 'removed' | 'changed';
}

type SpaceRequests =
  | { readonly kind: 'connect' }
  | {
      readonly kind: 'http';
      /** `*` alone, or the methods. */
      readonly methods: readonly string[];
      /** Beside `*`: all methods but these. */
      readonly exceptMethods: readonly string[];
      readonly paths: readonly Region[];
    };

/** Stands for a method that no rule names. */
const otherMethod = otherSegment;

interface Sides {
  readonly before: CompiledPolicy;
  readonly after: CompiledPolicy;
}

interface Change {
  readonly before: SpaceAnswer;
  readonly after: SpaceAnswer;
}

/** What changes for one group of callers. */
interface Piece extends Change {
  readonly method: string;
  readonly paths: readonly Region[];
}

export function policySpaceDiff(before: PolicyDocument, after: PolicyDocument): SpaceDiff {
  const sides = { before: compilePolicy(before), after: compilePolicy(after) };
  const names = [...new Set([...sides.before.services.keys(), ...sides.after.services.keys()])];
  const isSame = sameFor(before, after, sides);
  const cells: SpaceCell[] = [];
  const tooLarge: string[] = [];
  for (const callee of names.sort()) {
    if (isSame(callee)) continue;
    const found = calleeCells(sides, callee);
    if (found === undefined) tooLarge.push(callee);
    else cells.push(...found);
  }
  return { cells, issuers: issuerChanges(before, after), tooLarge, callees: names.length };
}

/** Whether nothing that decides about a callee differs. */
export function sameFor(
  before: PolicyDocument,
  after: PolicyDocument,
  sides: Sides,
): (callee: string) => boolean {
  const hasSameWorld = worldKey(before) === worldKey(after);
  return (callee) =>
    hasSameWorld && rulesKey(sides.before, callee) === rulesKey(sides.after, callee);
}

/** All that rules of a service can hang on beside the rules. */
function worldKey({ trustDomain, roles, services }: PolicyDocument): string {
  const parties = services.map(({ name, attributes }) => [name, attributes]);
  return JSON.stringify([trustDomain, roles, parties]);
}

function rulesKey({ services }: CompiledPolicy, callee: string): string {
  const rules = services.get(callee)?.policy.rules.map(({ at: _, ...rule }) => rule);
  return JSON.stringify(rules?.map(({ conditions, ...rule }) => [rule, conditionKey(conditions)]));
}

function conditionKey(conditions: PolicyRule['conditions']): unknown {
  const { when, ...rest } = conditions ?? {};
  return [rest, when?.text];
}

/** Callers with the same answers, and how they stand on both sides. */
interface Group {
  readonly members: Who[];
  readonly before: Standing;
  readonly after: Standing;
}

/** Undefined: too large. */
function calleeCells(sides: Sides, callee: string): readonly SpaceCell[] | undefined {
  const rules = [sides.before, sides.after].flatMap(
    ({ services }) => services.get(callee)?.policy.rules ?? [],
  );
  const methods = methodsOf(rules);
  const budget = { left: questionsMax };
  const people = peopleOf(sides, rules);
  const merged = new Map<
    string,
    { readonly piece: Piece; readonly methods: string[]; who: Who[] }
  >();
  for (const group of groupsOf(sides, callee, people)) {
    const pieces = piecesOf(group, rules, methods, budget);
    if (pieces === undefined) return undefined;
    for (const { key, piece, methods: alike } of byMethods(pieces)) {
      const whole = `${key} ${JSON.stringify(alike)}`;
      const known = merged.get(whole);
      if (known === undefined)
        merged.set(whole, { piece, methods: alike, who: [...group.members] });
      else known.who.push(...group.members);
    }
  }
  return [...merged.values()].map(({ piece, methods: alike, who }) => ({
    callee,
    who,
    people,
    what: requestsOf(alike, methods, piece.paths),
    before: piece.before,
    after: piece.after,
    effect: effectOf(piece),
  }));
}

const connect = 'connect';

/** Every method that a rule names, and one for all the others; a connection is one of its own. */
function methodsOf(rules: readonly PolicyRule[]): readonly string[] {
  const named = rules.flatMap(({ to }) =>
    to.map((operation) => (operation.kind === connect ? connect : requestOf(operation).method)),
  );
  const others = named.some((method) => method !== connect) ? [otherMethod] : [];
  return [...new Set(named.filter((method) => method !== '*').sort()), ...others];
}

function groupsOf(sides: Sides, callee: string, people: readonly string[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const who of everybody(sides, people)) {
    const before = standingOf(sides.before, callee, who);
    const after = standingOf(sides.after, callee, who);
    const key = `${before.signature} ${after.signature}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { members: [who], before, after });
    else known.members.push(who);
  }
  return [...groups.values()];
}

/** Services and those whom some rule or role of either policy names; each with the token of every person that counts here. */
function everybody({ before, after }: Sides, people: readonly string[]): readonly Who[] {
  const services = [...new Set([...before.services.keys(), ...after.services.keys()])].sort();
  const elsewhere = guestsOf({ before, after }).filter((guest) => guest.startsWith('spiffe://'));
  return [...services, ...elsewhere].flatMap((caller) =>
    [undefined, ...people].map((person) => ({ caller, person })),
  );
}

function guestsOf({ before, after }: Sides): readonly string[] {
  return [...new Set([...before.guests.keys(), ...after.guests.keys()])].sort();
}

const personPrefix = 'person:';

/** Whom a rule names, itself or by a role of either policy. */
export function peopleOf(sides: Sides, rules: readonly PolicyRule[]): readonly string[] {
  const { before, after } = sides;
  const used = new Set(rules.flatMap(({ from }) => from.map(principalKey)));
  return guestsOf(sides).flatMap((guest) => {
    if (!guest.startsWith(personPrefix)) return [];
    const keys = [guest, ...(before.guests.get(guest) ?? []), ...(after.guests.get(guest) ?? [])];
    return keys.some((key) => used.has(key)) ? [guest.slice(personPrefix.length)] : [];
  });
}

function piecesOf(
  group: Group,
  rules: readonly PolicyRule[],
  methods: readonly string[],
  budget: { left: number },
): readonly Piece[] | undefined {
  const own = rules.filter((rule) => group.before.isNamed(rule) || group.after.isNamed(rule));
  if (own.length === 0) return [];
  const pieces: Piece[] = [];
  for (const method of methods) {
    const changes = new Map<string, Change>();
    const ask = (action: Action): string | undefined => {
      budget.left -= 1;
      return budget.left < 0 ? undefined : changeAt(group, action, changes);
    };
    if (method === connect) {
      const key = ask({ kind: 'connect' });
      if (key === undefined) return undefined;
      const change = changes.get(key);
      if (change !== undefined) pieces.push({ method, paths: [], ...change });
      continue;
    }
    const patterns = patternsOf(own, method);
    const space = pathSpace(patterns, (path) => ask({ kind: 'http', method, path }));
    if (space === undefined) return undefined;
    for (const key of valuesIn(space)) {
      const change = changes.get(key);
      if (change === undefined) continue;
      pieces.push({ method, paths: regionsOf(space, (value) => value === key), ...change });
    }
  }
  return pieces;
}

/** The same text for the same change; `same` where there is none. */
function changeAt({ before, after }: Group, action: Action, changes: Map<string, Change>): string {
  const change = { before: before.answer(action), after: after.answer(action) };
  const [was, is] = [answerKey(change.before), answerKey(change.after)];
  if (was === is) return 'same';
  const key = `${was} ${is}`;
  changes.set(key, change);
  return key;
}

function patternsOf(rules: readonly PolicyRule[], method: string): readonly (readonly string[])[] {
  return rules.flatMap(({ effect, to }) =>
    to.flatMap((operation) => {
      if (operation.kind === 'connect') return [];
      const request = requestOf(operation);
      if (request.method !== '*' && request.method !== method) return [];
      return [effect === 'deny' ? withoutFinalSlash(request.segments) : request.segments];
    }),
  );
}

interface Alike {
  readonly key: string;
  readonly piece: Piece;
  readonly methods: string[];
}

function byMethods(pieces: readonly Piece[]): readonly Alike[] {
  const found = new Map<string, Alike>();
  for (const piece of pieces) {
    const { method, paths, before, after } = piece;
    const isConnect = method === connect;
    const key = JSON.stringify([answerKey(before), answerKey(after), paths, isConnect]);
    const known = found.get(key);
    if (known === undefined) found.set(key, { key, piece, methods: [method] });
    else known.methods.push(method);
  }
  return [...found.values()];
}

function requestsOf(
  alike: readonly string[],
  all: readonly string[],
  paths: readonly Region[],
): SpaceRequests {
  if (alike.includes(connect)) return { kind: 'connect' };
  const hasOthers = alike.includes(otherMethod);
  const rest = all.filter((method) => method !== connect && !alike.includes(method));
  return hasOthers
    ? { kind: 'http', methods: ['*'], exceptMethods: rest, paths }
    : { kind: 'http', methods: alike, exceptMethods: [], paths };
}

/** Conditions count by what they say: more of them that let in, and fewer that keep out, is more. */
function effectOf({ before, after }: Change): SpaceCell['effect'] {
  if (permits(after, before)) return 'added';
  return permits(before, after) ? 'removed' : 'changed';
}

/** Whether one lets in all that the other does. */
function permits(one: SpaceAnswer, other: SpaceAnswer): boolean {
  if (other.kind === 'deny') return true;
  if (one.kind === 'deny') return false;
  const says = new Set(other.unless.map((condition) => condition.says));
  if (!one.unless.every((condition) => says.has(condition.says))) return false;
  if (one.kind === 'allow') return true;
  if (other.kind === 'allow') return false;
  const ways = new Set(one.any.map((condition) => condition.says));
  return other.any.every((condition) => ways.has(condition.says));
}
