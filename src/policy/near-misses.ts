import type { Operation } from '../model/types.ts';
import { requestOf, ruleRef } from './compiled-policy.ts';
import { type Action, clip, type NearMiss } from './decision.ts';
import type { PolicyPrincipal, PolicyRule } from './document.ts';
import { failedCondition } from './failed-condition.ts';
import {
  anyRest,
  anySegment,
  connect,
  emptySegment,
  entry,
  type NearIndex,
  type NearList,
  nearIndex,
  operationsLookedAtMax,
  rulesLookedAtMax,
  someHave,
  unknownText,
} from './near-index.ts';
import { matchesSegments, pathSegments } from './path-index.ts';
import type { Question } from './question.ts';

/** Two are read at a glance. */
export const nearMissesMax = 2;
const namesShownMax = 5;

/** How much each clause counts. A rule for the same path by another method is nearer than the other way about. */
const weights = { from: 2, path: 2, method: 1 } as const;
/** A rule for others has no more. */
const unnamedScoreMax = weights.method + weights.path;

interface Asked extends Question {
  /** What the caller is called. */
  readonly name: string;
}

interface Candidate {
  /** Among the service's allow rules. */
  readonly place: number;
  readonly named: boolean;
  /** The alternative of the rule that comes nearest. */
  readonly operation: number;
  readonly score: number;
}

/** What was asked for, in the numbers of the index. */
interface Wanted {
  readonly method: number;
  readonly segments: readonly number[];
}

/** What was found so far, best first, and how much was looked at for it. */
interface Search {
  readonly wanted: Wanted;
  readonly best: Candidate[];
  /** Rules that name the caller and that another list may have too. */
  readonly taken: Set<number>;
  rules: number;
  operations: number;
}

/** The allow rules of which most holds, each with its first clause that does not. */
export function nearMisses(asked: Asked): readonly NearMiss[] {
  const { policy, allAllowRules } = asked.service;
  const misses: NearMiss[] = [];
  for (const { place, named, operation: at } of nearest(asked)) {
    const rule = allAllowRules[place];
    const operation = rule?.to[at];
    if (rule === undefined || operation === undefined) continue;
    const { clause, wanted, got } = failedClause({ rule, named, operation }, asked);
    misses.push({ rule: ruleRef(policy, rule), clause, wanted, got });
  }
  return misses;
}

function nearest({ service, principals, action }: Asked): readonly Candidate[] {
  const index = nearIndex(service);
  const lists: NearList[] = [];
  for (const principal of principals.allow) {
    const list = index.named(principal);
    if (list !== undefined) lists.push(list);
  }
  // Not before the lists are there, whose texts it has to know.
  const wanted = wantedOf(index, action);
  const search: Search = { wanted, best: [], taken: new Set(), rules: 0, operations: 0 };
  for (const list of lists) look(search, list, undefined);
  const last = search.best[nearMissesMax - 1];
  // What all rules for others lose against is not held against each.
  if (last === undefined || last.score <= unnamedScoreMax) look(search, index.all, lists);
  return search.best;
}

function wantedOf({ numbers }: NearIndex, action: Action): Wanted {
  if (action.kind === 'connect') return { method: connect, segments: [] };
  const segments: number[] = [];
  for (const text of pathSegments(action.path)) {
    segments.push(numbers.get(text) ?? unknownText);
  }
  return { method: numbers.get(action.method) ?? unknownText, segments };
}

/** `besides`: the rules of these lists name the caller, and were looked at already. */
function look(
  search: Search,
  { entries }: NearList,
  besides: readonly NearList[] | undefined,
): void {
  const { wanted, best, taken } = search;
  const from = besides === undefined ? weights.from : 0;
  let { rules, operations } = search;
  for (let at = 0; at < entries.length; ) {
    if (rules >= rulesLookedAtMax || operations >= operationsLookedAtMax) break;
    const place = entries[at + entry.place] ?? 0;
    const isNew =
      besides === undefined
        ? entries[at + entry.isShared] === 0 || isFirstTime(taken, place)
        : !someHave(besides, place);
    let operation = 0;
    let score = -1;
    for (; at < entries.length && entries[at + entry.place] === place; at += sizeOf(entries, at)) {
      if (!isNew) continue;
      operations += 1;
      const found = from + operationScore(entries, at, wanted);
      if (found <= score) continue;
      score = found;
      operation = entries[at + entry.operation] ?? 0;
    }
    if (!isNew) continue;
    rules += 1;
    const last = best[nearMissesMax - 1];
    // Of many rules few get further, and only these become an object.
    if (last === undefined || isNearer(score, place, last)) {
      insert(best, { place, named: besides === undefined, operation, score });
    }
  }
  search.rules = rules;
  search.operations = operations;
}

function isFirstTime(taken: Set<number>, place: number): boolean {
  if (taken.has(place)) return false;
  taken.add(place);
  return true;
}

function sizeOf(entries: Int32Array, at: number): number {
  return entry.segments + (entries[at + entry.length] ?? 0);
}

function insert(best: Candidate[], candidate: Candidate): void {
  const { score, place } = candidate;
  const at = best.findIndex((other) => isNearer(score, place, other));
  best.splice(at === -1 ? best.length : at, 0, candidate);
  if (best.length > nearMissesMax) best.pop();
}

/** Rules are sorted by id. */
function isNearer(score: number, place: number, than: Candidate): boolean {
  return score > than.score || (score === than.score && place < than.place);
}

/** `at` is where an entry begins. */
function operationScore(entries: Int32Array, at: number, wanted: Wanted): number {
  const method = entries[at + entry.method];
  if (method === connect || wanted.method === connect) {
    return method === wanted.method ? weights.method + weights.path : 0;
  }
  return (
    (method === anySegment || method === wanted.method ? weights.method : 0) +
    pathScore(entries, at, wanted.segments)
  );
}

/** A path that does not match counts by the share of the pattern's first segments that it has, below one. */
function pathScore(entries: Int32Array, at: number, path: readonly number[]): number {
  const length = entries[at + entry.length] ?? 0;
  const start = at + entry.segments;
  let shared = 0;
  while (shared < length) {
    const segment = entries[start + shared];
    if (segment !== anySegment && segment !== path[shared]) break;
    shared += 1;
  }
  const rest = length > 0 && entries[start + length - 1] === anyRest;
  const fixed = rest ? length - 1 : length;
  if (shared < fixed) return shared / (length + 1);
  const isAsLong = rest ? path.length >= fixed : path.length === fixed;
  return isAsLong && !hasEmptyWild(entries, start, fixed, path)
    ? weights.path
    : shared / (length + 1);
}

/** `*` stands for a segment that is not empty. */
function hasEmptyWild(
  entries: Int32Array,
  start: number,
  fixed: number,
  path: readonly number[],
): boolean {
  for (let at = path.indexOf(emptySegment); at !== -1 && at < fixed; ) {
    if (entries[start + at] === anySegment) return true;
    at = path.indexOf(emptySegment, at + 1);
  }
  return false;
}

function failedClause(
  given: { readonly rule: PolicyRule; readonly named: boolean; readonly operation: Operation },
  asked: Asked,
): Omit<NearMiss, 'rule'> {
  const { rule, named, operation } = given;
  const { action, name } = asked;
  if (!named) return { clause: 'from', wanted: fromText(rule.from), got: name };
  if (operation.kind === 'connect' || action.kind === 'connect') {
    return { clause: 'protocol', wanted: kindText(operation.kind), got: kindText(action.kind) };
  }
  const wanted = requestOf(operation);
  if (wanted.method !== '*' && wanted.method !== action.method) {
    return { clause: 'method', wanted: wanted.method, got: action.method };
  }
  const covers = (): boolean => matchesSegments(wanted.segments, pathSegments(action.path));
  if (rule.conditions !== undefined && covers()) return failedCondition(rule.conditions, asked);
  const path = operation.kind === 'http' ? operation.path.text : `/${wanted.segments.join('/')}`;
  return { clause: 'path', wanted: path, got: clip(action.path) };
}

function kindText(kind: 'http' | 'grpc' | 'connect'): string {
  return kind === 'connect' ? 'a TCP connection' : 'a request';
}

function fromText(from: readonly PolicyPrincipal[]): string {
  const more = from.length - namesShownMax;
  const shown = from.slice(0, namesShownMax).map(principalText).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function principalText(principal: PolicyPrincipal): string {
  switch (principal.kind) {
    case 'any':
      return '*';
    case 'service':
      return principal.service;
    case 'role':
      return `role:${principal.role}`;
    case 'guest':
      return principal.guest;
  }
}
