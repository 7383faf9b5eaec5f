import { grantAt } from '../model/grant-place.ts';
import type { PolicyRule, ServicePolicy } from './document.ts';
import { type NearRule, nearRule } from './near-rule.ts';
import { type NumberPairs, numberPairs } from './number-pairs.ts';
import { principalKey, requestOf } from './rule-parts.ts';
import { anyRest, anyText, connect, ruleText, type Texts } from './texts.ts';

/** A denial may be asked for by anyone, so its cost is bounded; the rules that name the caller are looked at first. */
export const rulesLookedAtMax = 128;
/** Rules mostly have one operation; with these a denial still costs but some microseconds. */
export const operationsLookedAtMax = 1_024;

/** Words of 32 bits: bit n of word m stands for the entry 32 m + n of a list. */
export type Mask = readonly number[];

/**
 * Allow rules as sets of bits: how far each agrees with a request is found for 32 at once, where comparing them one by one
 * would cost more than all the rest of a denial. Each operation of each rule is an entry, in the order of the rules. All
 * numbers stand in one array, for a denial mostly waits for memory; what is said of a mask is where it begins there.
 */
export interface NearList {
  readonly numbers: Int32Array;
  /** Of a mask. */
  readonly words: number;
  /** Of the longest pattern. */
  readonly segmentsMax: number;
  /** By depth and segment: entries with this segment there, or with `*`. By `segmentsMax` and method: with it or with any. */
  readonly masks: NumberPairs;
  /** Behind it one for each depth: entries with `*` there. */
  readonly wild: number;
  /** Behind them one for each number of segments: entries that match no more, and those that match any rest. */
  readonly ends: number;
  readonly rests: number;
  /** Where pairs of a length of patterns and the mask of those that have it begin, and how many there are. */
  readonly lengths: number;
  readonly lengthCount: number;
  readonly anyMethod: number;
  readonly connects: number;
  /** Where a pair for each entry begins: the place of its rule among the service's, its own among the rule's operations. */
  readonly entries: number;
  readonly every: Mask;
  readonly none: Mask;
  /** The first entry of each rule, and last how many entries there are. */
  readonly starts: readonly number[];
  /** Rules that stand in lists of other callers too. */
  readonly shared: readonly number[];
}

/** The rules of one service by what they say. */
export interface NearIndex {
  readonly all: NearList;
  /** No rule is left out of `all`. */
  readonly isWhole: boolean;
  /** The entries of `all` that whoever calls may hear of: whom operators let in beside Git nobody else is told. */
  readonly forOthers: Mask;
  /** By principal, as a number of the policy's texts: the entries of `all` whose rule names it. */
  readonly namedInAll: ReadonlyMap<number, Mask>;
  /** The first `rulesLookedAtMax` rules for this principal: more are never looked at, also when some are in two lists. */
  readonly named: (principal: string) => NearList | undefined;
  /** Of the rule at this place among all. */
  readonly told: (place: number) => NearRule | undefined;
}

interface Rules {
  /** Sorted by id. */
  readonly allAllowRules: readonly PolicyRule[];
  readonly allowRules: ReadonlyMap<string, readonly PolicyRule[]>;
}

export function newNearIndex(
  policy: ServicePolicy,
  { allAllowRules, allowRules }: Rules,
  texts: Texts,
): NearIndex {
  const places = new Map(allAllowRules.map((rule, place) => [rule, place]));
  const lists = new Map<string, NearList>();
  const told: (NearRule | undefined)[] = allAllowRules.map(() => undefined);
  const all = nearList(allAllowRules, places, texts);
  const rules = allAllowRules.slice(0, rulesLookedAtMax);
  return {
    all,
    isWhole:
      rules.length === allAllowRules.length &&
      rules.reduce((sum, { to }) => sum + to.length, 0) <= operationsLookedAtMax,
    forOthers: withoutGrants(all, rules),
    namedInAll: namedIn(all, rules, texts),
    named: (principal) => {
      const known = lists.get(principal);
      if (known !== undefined) return known;
      const found = allowRules.get(principal);
      if (found === undefined) return undefined;
      const made = nearList(found, places, texts);
      lists.set(principal, made);
      return made;
    },
    told: (place) => {
      const known = told[place];
      if (known !== undefined) return known;
      const rule = allAllowRules[place];
      if (rule === undefined) return undefined;
      const made = nearRule(policy, rule);
      told[place] = made;
      return made;
    },
  };
}

function withoutGrants({ every, numbers, entries }: NearList, rules: readonly PolicyRule[]): Mask {
  if (rules.every(({ at }) => grantAt(at) === undefined)) return every;
  const left = every.map(() => 0);
  for (let entry = 0, at = entries; at < numbers.length; entry += 1, at += 2) {
    const rule = rules[numbers[at] ?? 0];
    if (rule !== undefined && grantAt(rule.at) === undefined) setBit(left, 0, entry);
  }
  return left;
}

function namedIn(
  { every, numbers, entries }: NearList,
  rules: readonly PolicyRule[],
  texts: Texts,
): ReadonlyMap<number, Mask> {
  const found = new Map<number, number[]>();
  for (let entry = 0, at = entries; at < numbers.length; entry += 1, at += 2) {
    for (const who of rules[numbers[at] ?? 0]?.from ?? []) {
      const principal = ruleText(texts, principalKey(who));
      const mask = found.get(principal) ?? every.map(() => 0);
      setBit(mask, 0, entry);
      found.set(principal, mask);
    }
  }
  return found;
}

function setBit(words: number[], from: number, bit: number): void {
  const word = from + (bit >> 5);
  words[word] = (words[word] ?? 0) | (1 << (bit & 31));
}

interface Entry {
  readonly place: number;
  readonly operation: number;
  readonly method: number;
  readonly segments: readonly number[];
}

function nearList(
  all: readonly PolicyRule[],
  places: ReadonlyMap<PolicyRule, number>,
  texts: Texts,
): NearList {
  const rules = all.slice(0, rulesLookedAtMax).filter(({ to }) => to.length > 0);
  const byRule = rules.map((rule) => entriesOf(rule, places.get(rule) ?? 0, texts));
  const starts = [0];
  for (const { length } of byRule) starts.push((starts.at(-1) ?? 0) + length);
  return {
    ...listOf(byRule.flat()),
    starts,
    shared: rules.flatMap(({ from }, at) => (from.length > 1 ? [at] : [])),
  };
}

function entriesOf(rule: PolicyRule, place: number, texts: Texts): readonly Entry[] {
  const numberOf = (text: string): number => ruleText(texts, text);
  return rule.to.slice(0, operationsLookedAtMax).map((given, operation): Entry => {
    if (given.kind === 'connect') return { place, operation, method: connect, segments: [] };
    const { method, segments } = requestOf(given);
    return { place, operation, method: numberOf(method), segments: segments.map(numberOf) };
  });
}

function listOf(entries: readonly Entry[]): Omit<NearList, 'starts' | 'shared'> {
  const words = Math.max(1, Math.ceil(entries.length / 32));
  const numbers: number[] = [];
  const maskOf = (isIn: (entry: Entry) => boolean): number => {
    const from = numbers.length;
    for (let word = 0; word < words; word += 1) numbers.push(0);
    entries.forEach((entry, at) => {
      if (isIn(entry)) setBit(numbers, from, at);
    });
    return from;
  };
  const masksOf = (count: number, isIn: (entry: Entry, at: number) => boolean): number => {
    const from = numbers.length;
    for (let at = 0; at < count; at += 1) maskOf((entry) => isIn(entry, at));
    return from;
  };
  const every = maskOf(() => true);
  const segmentsMax = Math.max(0, ...entries.map(({ segments }) => segments.length));
  const depths = segmentsMax + 1;
  const wild = masksOf(depths, ({ segments }, depth) => segments[depth] === anyText);
  const isRest = ({ segments }: Entry): boolean => segments.at(-1) === anyRest;
  const ends = masksOf(depths, (one, length) => isEnd(one) && one.segments.length === length);
  const rests = masksOf(depths, (one, length) => isRest(one) && one.segments.length - 1 === length);
  const all = lengthsOf(entries);
  const lengths = numbers.length;
  for (const length of all) {
    numbers.push(length);
    maskOf(({ segments }) => segments.length === length);
  }
  return {
    ...{ words, segmentsMax, wild, ends, rests, lengths, lengthCount: all.length },
    every: numbers.slice(every, words),
    none: Array.from({ length: words }, () => 0),
    anyMethod: maskOf(({ method }) => method === anyText),
    connects: maskOf(({ method }) => method === connect),
    masks: numberPairs(pairsOf(entries, segmentsMax, numbers, words)),
    entries: numbers.length,
    numbers: Int32Array.from([
      ...numbers,
      ...entries.flatMap(({ place, operation }) => [place, operation]),
    ]),
  };
}

function isEnd({ method, segments }: Entry): boolean {
  return method !== connect && segments.at(-1) !== anyRest;
}

function lengthsOf(entries: readonly Entry[]): readonly number[] {
  return [...new Set(entries.map(({ segments }) => segments.length))];
}

/** Makes the masks behind `numbers`. */
function pairsOf(
  entries: readonly Entry[],
  segmentsMax: number,
  numbers: number[],
  words: number,
): number[] {
  const pairs: number[] = [];
  for (let first = 0; first <= segmentsMax; first += 1) {
    const any = Array.from({ length: words }, () => 0);
    const masks = new Map<number, number[]>();
    for (const [at, { method, segments }] of entries.entries()) {
      const text = (first === segmentsMax ? method : segments[first]) ?? anyRest;
      if (text === anyText) setBit(any, 0, at);
      if (text < 0) continue;
      const mask = masks.get(text) ?? any.map(() => 0);
      setBit(mask, 0, at);
      masks.set(text, mask);
    }
    for (const [text, mask] of masks) {
      pairs.push(first, text, numbers.length);
      for (let word = 0; word < words; word += 1) {
        numbers.push((mask[word] ?? 0) | (any[word] ?? 0));
      }
    }
  }
  return pairs;
}
