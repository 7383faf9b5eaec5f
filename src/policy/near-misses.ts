import { clip, type NearMiss } from './decision.ts';
import { failedCondition } from './failed-condition.ts';
import {
  type Mask,
  type NearIndex,
  type NearList,
  operationsLookedAtMax,
  rulesLookedAtMax,
} from './near-index.ts';
import type { NearOperation, NearRule } from './near-rule.ts';
import { type Best, type Candidate, scan, weights } from './near-scan.ts';
import { matchesSegments, pathSegments } from './path-index.ts';
import type { Principals } from './principals.ts';
import type { Question } from './question.ts';

/** A rule for others has no more. */
const unnamedScoreMax = weights.method + weights.path;

/** How much may still be looked at. */
interface Room {
  rules: number;
  operations: number;
}

/** The allow rules of which most holds, each with its first clause that does not. `name`: what the caller is called. */
export function nearMisses(asked: Question, name: string): readonly NearMiss[] {
  const { first, second } = nearest(asked);
  const best = first && nearMiss(first, asked, name);
  const next = second && nearMiss(second, asked, name);
  if (best === undefined) return [];
  return next === undefined ? [best] : [best, next];
}

function nearMiss(
  { place, named, operation: at }: Candidate,
  asked: Question,
  name: string,
): NearMiss | undefined {
  const rule = asked.service.near().told(place);
  const operation = rule?.operations[at];
  if (rule === undefined || operation === undefined) return undefined;
  const { clause, wanted, got } = named
    ? failedClause(rule, operation, asked)
    : { clause: 'from' as const, wanted: rule.from, got: name };
  return { rule: rule.ref, clause, wanted, got };
}

function nearest({ service, principals, wanted }: Question): Best {
  const index = service.near();
  const { all, isWhole } = index;
  const best: Best = { first: undefined, second: undefined };
  const room: Room = { rules: rulesLookedAtMax, operations: operationsLookedAtMax };
  const known = isWhole ? namedInAll(index, principals) : undefined;
  if (known !== undefined) scan({ list: all, entries: known, wanted, named: true, best });
  else scanNamed(index, { principals, wanted, best, room });
  const { second } = best;
  // What all rules for others lose against is not held against each.
  if (room.rules > 0 && (second === undefined || second.score <= unnamedScoreMax)) {
    const named = known ?? namedInAll(index, principals);
    const others = index.forOthers.map((word, at) => word & ~(named[at] ?? 0));
    const entries = isWhole ? others : withinRoom(all, others, room);
    scan({ list: all, entries, wanted, named: false, best });
  }
  return best;
}

function scanNamed(
  index: NearIndex,
  given: Pick<Question, 'principals' | 'wanted'> & { readonly best: Best; readonly room: Room },
): void {
  const { principals, wanted, best, room } = given;
  const taken = new Set<number>();
  for (const principal of principals.allow) {
    const list = room.rules > 0 ? index.named(principal) : undefined;
    if (list === undefined) continue;
    scan({ list, entries: notTaken(list, taken, room), wanted, named: true, best });
  }
}

function namedInAll({ all, namedInAll: masks }: NearIndex, { numbers }: Principals): Mask {
  let named: Mask = all.none;
  for (const principal of numbers.allow) {
    const mask = masks.get(principal);
    if (mask === undefined) continue;
    const before = named;
    named = before === all.none ? mask : mask.map((word, at) => word | (before[at] ?? 0));
  }
  return named;
}

/** Entries of rules that were in no list before, as many as there is room for. */
function notTaken(list: NearList, taken: Set<number>, room: Room): Mask {
  const { starts, every, numbers, entries, shared } = list;
  const again: number[] = [];
  for (const rule of shared) {
    const place = numbers[entries + (starts[rule] ?? 0) * 2] ?? 0;
    if (taken.has(place)) again.push(rule);
    taken.add(place);
  }
  const [rules, operations] = [starts.length - 1, starts.at(-1) ?? 0];
  if (again.length > 0 || rules > room.rules || operations > room.operations) {
    return withinRoom(list, without(list, again), room);
  }
  room.rules -= rules;
  room.operations -= operations;
  return every;
}

function without({ starts, every }: NearList, rules: readonly number[]): Mask {
  const left = [...every];
  for (const rule of rules) {
    for (let entry = starts[rule] ?? 0; entry < (starts[rule + 1] ?? 0); entry += 1) {
      left[entry >> 5] = (left[entry >> 5] ?? 0) & ~(1 << (entry & 31));
    }
  }
  return left;
}

/** The entries of the first rules among these, until the room is used up. */
function withinRoom({ starts }: NearList, entries: Mask, room: Room): Mask {
  let [end, start] = [0, 0];
  for (let rule = 1; rule < starts.length; rule += 1, start = end) {
    if (room.rules <= 0 || room.operations <= 0) break;
    end = starts[rule] ?? start;
    if (((entries[start >> 5] ?? 0) & (1 << (start & 31))) === 0) continue;
    room.rules -= 1;
    room.operations -= end - start;
  }
  return entries.map((word, at) => word & bitsBelow(end - at * 32));
}

function bitsBelow(count: number): number {
  if (count <= 0) return 0;
  return count >= 32 ? -1 : (1 << count) - 1;
}

function failedClause(
  rule: NearRule,
  { method, path }: NearOperation,
  asked: Question,
): Omit<NearMiss, 'rule'> {
  const { action } = asked;
  if (method === undefined || action.kind === 'connect') {
    const got = kindText(action.kind === 'connect');
    return { clause: 'protocol', wanted: kindText(method === undefined), got };
  }
  if (method !== '*' && method !== action.method) {
    return { clause: 'method', wanted: method, got: action.method };
  }
  const { conditions } = rule;
  if (conditions !== undefined && matchesSegments(pathSegments(path), pathSegments(action.path))) {
    return failedCondition(conditions, asked);
  }
  return { clause: 'path', wanted: path, got: clip(action.path) };
}

function kindText(isConnect: boolean): string {
  return isConnect ? 'a TCP connection' : 'a request';
}
