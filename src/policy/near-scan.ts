import type { Mask, NearList } from './near-index.ts';
import { valueOfPair } from './number-pairs.ts';
import { connect, emptyText, unknownText, type Wanted } from './texts.ts';

/** How much each clause counts. A rule for the same path by another method is nearer than the other way about. */
export const weights = { from: 2, path: 2, method: 1 } as const;

export interface Candidate {
  /** Among the service's allow rules, which are sorted by id. */
  readonly place: number;
  readonly named: boolean;
  /** The alternative of the rule that comes nearest. */
  readonly operation: number;
  readonly score: number;
}

/** The best of all that were looked at: two are read at a glance. */
export interface Best {
  first: Candidate | undefined;
  second: Candidate | undefined;
}

/** The entries of one list that are looked at. */
interface Scan {
  readonly list: NearList;
  readonly entries: Mask;
  readonly wanted: Wanted;
  /** Whether their rules name the caller. */
  readonly named: boolean;
  readonly best: Best;
}

export function scan(given: Scan): void {
  const { list, entries, wanted } = given;
  if (wanted.method === connect) {
    scanConnect(given);
    return;
  }
  const { numbers, words, masks, segmentsMax, anyMethod } = list;
  const known = wanted.method < 0 ? -1 : valueOfPair(masks, segmentsMax, wanted.method);
  const method = known === -1 ? anyMethod : known;
  for (let word = 0; word < words; word += 1) {
    const fitting = numbers[method + word] ?? 0;
    let alive = entries[word] ?? 0;
    for (let depth = 0; alive !== 0; depth += 1) {
      const step = stepOf(list, wanted, depth);
      const next = step === -1 ? 0 : alive & (numbers[step + word] ?? 0);
      const stopped = alive & ~next;
      if (stopped !== 0) offerStopped(given, { word, depth, stopped, fitting });
      alive = next;
    }
  }
}

function scanConnect(given: Scan): void {
  const { list, entries } = given;
  for (let word = 0; word < list.words; word += 1) {
    const all = entries[word] ?? 0;
    const connects = all & (list.numbers[list.connects + word] ?? 0);
    offer(given, word, connects, weights.method + weights.path);
    offer(given, word, all & ~connects, 0);
  }
}

/** The mask of those that go on; -1: none do. `*` goes on behind the end of the path too. */
function stepOf(list: NearList, wanted: Wanted, depth: number): number {
  const { masks, wild, words, segmentsMax } = list;
  if (depth >= segmentsMax) return -1;
  const segment = wanted.segments[depth] ?? unknownText;
  const known = segment < 0 ? -1 : valueOfPair(masks, depth, segment);
  return known === -1 ? wild + depth * words : known;
}

/** Entries of one word whose first `depth` segments the path has, and no more. */
interface Stopped {
  readonly word: number;
  readonly depth: number;
  readonly stopped: number;
  /** All of the word with the method. */
  readonly fitting: number;
}

function offerStopped(given: Scan, some: Stopped): void {
  const { numbers, words, lengths, lengthCount } = given.list;
  const { word, depth, stopped, fitting } = some;
  const covered = stopped & coveredMask(given, word, depth);
  offer(given, word, covered & fitting, weights.method + weights.path);
  offer(given, word, covered & ~fitting, weights.path);
  const others = stopped & ~covered;
  if (others === 0 || !mayBeNearer(given, depth)) return;
  // A path that does not match counts by the share of the pattern's first segments that it has, below one.
  for (let at = lengths; at < lengths + lengthCount * (words + 1); at += words + 1) {
    const found = others & (numbers[at + 1 + word] ?? 0);
    if (found === 0) continue;
    const path = depth / ((numbers[at] ?? 0) + 1);
    offer(given, word, found & fitting, weights.method + path);
    offer(given, word, found & ~fitting, path);
  }
}

/** Most of those that stop early have no chance any more. */
function mayBeNearer({ best, named }: Scan, depth: number): boolean {
  const last = best.second;
  const most = (named ? weights.from : 0) + weights.method + depth / (depth + 1);
  return last === undefined || most >= last.score;
}

function coveredMask({ list, wanted }: Scan, word: number, depth: number): number {
  const { numbers, words, ends, rests, wild } = list;
  const { segments } = wanted;
  if (depth > segments.length) return 0;
  let covered = numbers[rests + depth * words + word] ?? 0;
  if (depth === segments.length) covered |= numbers[ends + depth * words + word] ?? 0;
  // `*` stands for a segment that is not empty.
  for (let at = covered === 0 ? depth : 0; at < depth; at += 1) {
    if (segments[at] === emptyText) covered &= ~(numbers[wild + at * words + word] ?? 0);
  }
  return covered;
}

/** All with one score, the first in the order of rules before the others. */
function offer(given: Scan, word: number, entries: number, what: number): void {
  const { list, best, named } = given;
  const score = (named ? weights.from : 0) + what;
  for (let left = entries; left !== 0; left &= left - 1) {
    const entry = list.entries + (word * 32 + 31 - Math.clz32(left & -left)) * 2;
    const place = list.numbers[entry] ?? 0;
    const last = best.second;
    if (last !== undefined && (last.score > score || (last.score === score && last.place < place)))
      return;
    insert(best, { place, named, operation: list.numbers[entry + 1] ?? 0, score });
  }
}

/** Of the entries of one rule the best is kept, and of equal ones the first. */
function insert(best: Best, candidate: Candidate): void {
  const { first, second } = best;
  if (first === undefined || isNearer(candidate, first)) {
    best.first = candidate;
    if (first?.place !== candidate.place) best.second = first;
  } else if (first.place !== candidate.place) {
    if (second === undefined || isNearer(candidate, second)) best.second = candidate;
  }
}

function isNearer(one: Candidate, than: Candidate): boolean {
  if (one.score !== than.score) return one.score > than.score;
  if (one.place !== than.place) return one.place < than.place;
  return one.operation < than.operation;
}
