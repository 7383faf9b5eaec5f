import type { CompiledService } from './compiled-policy.ts';
import type { PolicyRule } from './document.ts';
import { type NumberPairs, numberPairs } from './number-pairs.ts';
import { principalKey, requestOf } from './rule-index.ts';
import { anyRest, anyText, connect, ruleText, type Texts } from './texts.ts';

/** A denial may be asked for by anyone, so its cost is bounded; the rules that name the caller are looked at first. */
export const rulesLookedAtMax = 128;
/** Rules mostly have one operation; with these a denial still costs but some microseconds. */
export const operationsLookedAtMax = 1_024;

/** Words of 32 bits: bit n of word m stands for the entry 32 m + n of a list. */
export type Mask = readonly number[];

/**
 * Allow rules as sets of bits: how far each agrees with a request is found for 32 at once, where comparing them one by one
 * would cost more than all the rest of a denial. Each operation of each rule is an entry, in the order of the rules. What
 * is said of a mask below is where it begins in `masks`.
 */
export interface NearList {
  readonly masks: Int32Array;
  /** In a mask. */
  readonly words: number;
  readonly every: Mask;
  /** By depth and segment: entries with this segment there, or with `*`. */
  readonly segments: NumberPairs;
  /** By depth: entries with `*` there. */
  readonly wild: readonly number[];
  /** By number of segments: entries that match no more, and those that match any rest. */
  readonly ends: readonly number[];
  readonly rests: readonly number[];
  readonly lengths: readonly { readonly length: number; readonly mask: number }[];
  /** By method: entries with it or with any. */
  readonly methods: ReadonlyMap<number, number>;
  readonly anyMethod: number;
  readonly connects: number;
  /** Of each entry: the place of its rule among the service's, and its own among the rule's operations. */
  readonly places: Int32Array;
  readonly operations: Int32Array;
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
  /** By principal: the entries of `all` whose rule names it. */
  readonly namedInAll: ReadonlyMap<string, Mask>;
  /** The first `rulesLookedAtMax` rules for this principal: more are never looked at, also when some are in two lists. */
  readonly named: (principal: string) => NearList | undefined;
}

const indexes = new WeakMap<CompiledService, NearIndex>();

/** Made at the first denial: most services of a mesh deny nobody at this desk. */
export function nearIndex(service: CompiledService, texts: Texts): NearIndex {
  const known = indexes.get(service);
  if (known !== undefined) return known;
  const made = newIndex(service, texts);
  indexes.set(service, made);
  return made;
}

function newIndex({ allAllowRules, allowRules }: CompiledService, texts: Texts): NearIndex {
  const places = new Map(allAllowRules.map((rule, place) => [rule, place]));
  const lists = new Map<string, NearList>();
  const all = nearList(allAllowRules, places, texts);
  const rules = allAllowRules.slice(0, rulesLookedAtMax);
  return {
    all,
    isWhole:
      rules.length === allAllowRules.length &&
      rules.reduce((sum, { to }) => sum + to.length, 0) <= operationsLookedAtMax,
    namedInAll: namedIn(all, rules),
    named: (principal) => {
      const known = lists.get(principal);
      if (known !== undefined) return known;
      const found = allowRules.get(principal);
      if (found === undefined) return undefined;
      const made = nearList(found, places, texts);
      lists.set(principal, made);
      return made;
    },
  };
}

function namedIn(list: NearList, rules: readonly PolicyRule[]): ReadonlyMap<string, Mask> {
  const found = new Map<string, number[]>();
  list.places.forEach((place, entry) => {
    for (const key of rules[place]?.from.map(principalKey) ?? []) {
      const mask = found.get(key) ?? list.every.map(() => 0);
      setBit(mask, 0, entry);
      found.set(key, mask);
    }
  });
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
  const entries = byRule.flat();
  let sum = 0;
  return {
    ...masksOf(entries),
    places: Int32Array.from(entries, ({ place }) => place),
    operations: Int32Array.from(entries, ({ operation }) => operation),
    starts: [0, ...byRule.map(({ length }) => (sum += length))],
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

type Masks = Omit<NearList, 'places' | 'operations' | 'starts' | 'shared'>;

function masksOf(entries: readonly Entry[]): Masks {
  const words = Math.max(1, Math.ceil(entries.length / 32));
  const made: number[] = [];
  const maskOf = (isIn: (entry: Entry) => boolean): number => {
    const from = made.length;
    for (let word = 0; word < words; word += 1) made.push(0);
    entries.forEach((entry, at) => {
      if (isIn(entry)) setBit(made, from, at);
    });
    return from;
  };
  const depths = Array.from(
    { length: 1 + Math.max(0, ...entries.map(({ segments }) => segments.length)) },
    (_, depth) => depth,
  );
  const isRest = ({ segments }: Entry): boolean => segments.at(-1) === anyRest;
  const distinct = (of: (entry: Entry) => number): number[] => [...new Set(entries.map(of))];
  const triples = depths.flatMap((depth) =>
    distinct(({ segments }) => segments[depth] ?? anyRest)
      .filter((segment) => segment >= 0)
      .flatMap((segment) => {
        const goesOn = ({ segments: { [depth]: has } }: Entry) =>
          has === segment || has === anyText;
        return [depth, segment, maskOf(goesOn)];
      }),
  );
  const every = Array.from({ length: words }, () => 0);
  for (const at of entries.keys()) setBit(every, 0, at);
  return {
    words,
    every,
    segments: numberPairs(triples),
    wild: depths.map((depth) => maskOf(({ segments }) => segments[depth] === anyText)),
    ends: depths.map((depth) =>
      maskOf((one) => one.method !== connect && !isRest(one) && one.segments.length === depth),
    ),
    rests: depths.map((depth) => maskOf((one) => isRest(one) && one.segments.length - 1 === depth)),
    lengths: distinct(({ segments }) => segments.length).map((length) => ({
      length,
      mask: maskOf(({ segments }) => segments.length === length),
    })),
    methods: new Map(
      distinct(({ method }) => method)
        .filter((method) => method >= 0)
        .map((method) => [
          method,
          maskOf((entry) => entry.method === method || entry.method === anyText),
        ]),
    ),
    anyMethod: maskOf(({ method }) => method === anyText),
    connects: maskOf(({ method }) => method === connect),
    masks: Int32Array.from(made),
  };
}
