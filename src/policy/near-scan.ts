import type { Mask, NearList } from './near-index.ts';
import { valueOfPair } from './number-pairs.ts';
import { connect, emptyText, type Wanted } from './texts.ts';

/** Two are read at a glance. */
export const nearMissesMax = 2;

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

/** The entries of one list that are looked at, and the best of all that were, best first. */
export interface Scan {
  readonly list: NearList;
  readonly entries: Mask;
  readonly wanted: Wanted;
  /** Whether their rules name the caller. */
  readonly named: boolean;
  readonly best: Candidate[];
}

export function scan(given: Scan): void {
  const { list, entries, wanted } = given;
  if (wanted.method === connect) {
    scanConnect(given);
    return;
  }
  const steps = stepsOf(list, wanted);
  for (let word = 0; word < list.words; word += 1) {
    let alive = entries[word] ?? 0;
    for (let depth = 0; alive !== 0; depth += 1) {
      const step = steps[depth];
      const next = step === undefined ? 0 : alive & (list.masks[step + word] ?? 0);
      const stopped = alive & ~next;
      if (stopped !== 0) offerStopped(given, word, depth, stopped);
      alive = next;
    }
  }
}

function scanConnect(given: Scan): void {
  const { list, entries } = given;
  for (let word = 0; word < list.words; word += 1) {
    const all = entries[word] ?? 0;
    const connects = all & (list.masks[list.connects + word] ?? 0);
    offer(given, word, connects, weights.method + weights.path);
    offer(given, word, all & ~connects, 0);
  }
}

/** By depth: where the mask of those that go on begins. `*` goes on behind the end of the path too. */
function stepsOf({ segments, wild }: NearList, wanted: Wanted): readonly number[] {
  const steps: number[] = [];
  for (let depth = 0; depth < wild.length - 1; depth += 1) {
    const segment = wanted.segments[depth];
    const known = segment === undefined || segment < 0 ? -1 : valueOfPair(segments, depth, segment);
    steps.push(known === -1 ? (wild[depth] ?? 0) : known);
  }
  return steps;
}

/** Entries whose first `depth` segments the path has, and no more. */
function offerStopped(given: Scan, word: number, depth: number, stopped: number): void {
  const { list } = given;
  const covered = stopped & coveredMask(given, word, depth);
  if (covered !== 0) offerByMethod(given, word, covered, weights.path);
  const others = stopped & ~covered;
  if (others === 0 || !mayBeNearer(given, depth)) return;
  // A path that does not match counts by the share of the pattern's first segments that it has, below one.
  for (const { length, mask } of list.lengths) {
    const some = others & (list.masks[mask + word] ?? 0);
    if (some !== 0) offerByMethod(given, word, some, depth / (length + 1));
  }
}

/** Most of those that stop early have no chance any more. */
function mayBeNearer({ best, named }: Scan, depth: number): boolean {
  const last = best[nearMissesMax - 1];
  const most = (named ? weights.from : 0) + weights.method + depth / (depth + 1);
  return last === undefined || most >= last.score;
}

function coveredMask({ list, wanted }: Scan, word: number, depth: number): number {
  const { masks, ends, rests, wild } = list;
  const { segments } = wanted;
  if (depth > segments.length) return 0;
  let covered = masks[(rests[depth] ?? 0) + word] ?? 0;
  if (depth === segments.length) covered |= masks[(ends[depth] ?? 0) + word] ?? 0;
  // `*` stands for a segment that is not empty.
  for (let at = segments.indexOf(emptyText); covered !== 0 && at !== -1 && at < depth; ) {
    covered &= ~(masks[(wild[at] ?? 0) + word] ?? 0);
    at = segments.indexOf(emptyText, at + 1);
  }
  return covered;
}

function offerByMethod(given: Scan, word: number, entries: number, path: number): void {
  const { list, wanted } = given;
  const mask = list.methods.get(wanted.method) ?? list.anyMethod;
  const fitting = entries & (list.masks[mask + word] ?? 0);
  offer(given, word, fitting, weights.method + path);
  offer(given, word, entries & ~fitting, path);
}

/** All with one score, the first in the order of rules before the others. */
function offer(given: Scan, word: number, entries: number, what: number): void {
  const { list, best, named } = given;
  const score = (named ? weights.from : 0) + what;
  for (let left = entries; left !== 0; left &= left - 1) {
    const entry = word * 32 + 31 - Math.clz32(left & -left);
    const place = list.places[entry] ?? 0;
    const last = best[nearMissesMax - 1];
    if (last !== undefined && (last.score > score || (last.score === score && last.place < place)))
      return;
    insert(best, { place, named, operation: list.operations[entry] ?? 0, score });
  }
}

/** Of the entries of one rule the best is kept, and of equal ones the first. */
function insert(best: Candidate[], candidate: Candidate): void {
  let at = 0;
  for (let other = best[at]; other !== undefined && !isNearer(candidate, other); other = best[at]) {
    if (other.place === candidate.place) return;
    at += 1;
  }
  let moved: Candidate | undefined = candidate;
  for (; at < nearMissesMax && moved !== undefined; at += 1) {
    const before: Candidate | undefined = best[at];
    best[at] = moved;
    // What was there of the same rule is not so near.
    moved = before?.place === candidate.place ? undefined : before;
  }
}

function isNearer(one: Candidate, than: Candidate): boolean {
  if (one.score !== than.score) return one.score > than.score;
  if (one.place !== than.place) return one.place < than.place;
  return one.operation < than.operation;
}
