import { type CompiledService, requestOf } from './compiled-policy.ts';
import type { PolicyRule } from './document.ts';

/** A denial may be asked for by anyone, so its cost is bounded; the rules that name the caller are looked at first. */
export const rulesLookedAtMax = 128;
/** Rules mostly have one operation; with these a denial still costs but some microseconds. */
export const operationsLookedAtMax = 1_024;

/** Numbers that stand for no text of a rule. */
export const anySegment = -1;
export const unknownText = -2;
export const connect = -3;
const texts = { '*': anySegment, '': 0, '**': 1 } as const;
export const emptySegment = texts[''];
export const anyRest = texts['**'];

/**
 * Allow rules in numbers: to compare the texts of each with those of a request would cost more than all the rest of a
 * denial. A rule has an entry for each of its operations, in a row: the rule's place among the service's, the operation's
 * place in it, 1 where the rule stands in other lists of callers too, the method, the number of segments, the segments.
 */
export interface NearList {
  readonly entries: Int32Array;
  /** Bit n of word m: the rule at the place 32 m + n is in this list. */
  readonly firstPlaces: Int32Array;
}

/** Where what an entry holds stands in it. */
export const entry = {
  place: 0,
  operation: 1,
  isShared: 2,
  method: 3,
  length: 4,
  segments: 5,
} as const;

/** The rules of one service by what they say. */
export interface NearIndex {
  /** Of the texts in the lists that were asked for so far. */
  readonly numbers: ReadonlyMap<string, number>;
  /** The first `rulesLookedAtMax` rules for this principal: more are never looked at, also when some are in two lists. */
  readonly named: (principal: string) => NearList | undefined;
  readonly all: NearList;
}

const indexes = new WeakMap<CompiledService, NearIndex>();

/** Made at the first denial: most services of a mesh deny nobody at this desk. */
export function nearIndex(service: CompiledService): NearIndex {
  const known = indexes.get(service);
  if (known !== undefined) return known;
  const made = newIndex(service);
  indexes.set(service, made);
  return made;
}

function newIndex(service: CompiledService): NearIndex {
  const numbers = new Map<string, number>(Object.entries(texts));
  const places = new Map(service.allAllowRules.map((rule, place) => [rule, place]));
  const lists = new Map<string, NearList>();
  return {
    numbers,
    named: (principal) => {
      const known = lists.get(principal);
      if (known !== undefined) return known;
      const rules = service.allowRules.get(principal);
      if (rules === undefined) return undefined;
      const made = nearList(rules, places, numbers);
      lists.set(principal, made);
      return made;
    },
    all: nearList(service.allAllowRules, places, numbers),
  };
}

function nearList(
  rules: readonly PolicyRule[],
  places: ReadonlyMap<PolicyRule, number>,
  numbers: Map<string, number>,
): NearList {
  const firstPlaces = new Int32Array(rulesLookedAtMax / 32);
  const entries = rules.slice(0, rulesLookedAtMax).flatMap((rule) => {
    const place = places.get(rule) ?? 0;
    if (place < rulesLookedAtMax) setBit(firstPlaces, place);
    return entriesOf(rule, place, numbers);
  });
  return { entries: Int32Array.from(entries), firstPlaces };
}

function entriesOf(rule: PolicyRule, place: number, numbers: Map<string, number>): number[] {
  const numberOf = (text: string): number => {
    // There are as many texts as numbers from 0 on, but for `*`.
    const number = numbers.get(text) ?? numbers.size - 1;
    numbers.set(text, number);
    return number;
  };
  const isShared = rule.from.length > 1 ? 1 : 0;
  return rule.to.slice(0, operationsLookedAtMax).flatMap((operation, at) => {
    if (operation.kind === 'connect') return [place, at, isShared, connect, 0];
    const { method, segments } = requestOf(operation);
    return [place, at, isShared, numberOf(method), segments.length, ...segments.map(numberOf)];
  });
}

function setBit(words: Int32Array, bit: number): void {
  words[bit >> 5] = (words[bit >> 5] ?? 0) | (1 << (bit & 31));
}

/** Whether any of these lists has the rule at this place, one of the first. */
export function someHave(lists: readonly NearList[], place: number): boolean {
  for (const { firstPlaces } of lists) {
    if (((firstPlaces[place >> 5] ?? 0) & (1 << (place & 31))) !== 0) return true;
  }
  return false;
}
