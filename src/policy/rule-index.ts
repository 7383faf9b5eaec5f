import type { PolicyRule } from './document.ts';
import { type NumberPairs, numberPairs, valueOfPair } from './number-pairs.ts';
import {
  eachPath,
  noPaths,
  type PathIndex,
  pathIndex,
  placeOf,
  withoutFinalSlash,
} from './path-index.ts';
import type { Principals } from './principals.ts';
import { anyone, byPrincipal, requestOf } from './rule-parts.ts';
import {
  anyText,
  connect,
  lengthWithoutFinalSlash,
  ruleText,
  type Texts,
  type Wanted,
} from './texts.ts';

/** The rules of one service with one effect: by path, then principal, then method. */
export interface RuleIndex<T> extends PathIndex {
  readonly isEmpty: boolean;
  /** Those that some rule here names. */
  readonly principals: ReadonlySet<string>;
  readonly connect: ReadonlyMap<string, Ordered<T>>;
  /**
   * Patterns stand for where their block begins: the number of its rows, and these. All rows of one principal stand
   * together.
   */
  readonly blocks: Int32Array;
  /** Of blocks that are long: by where it begins and principal, the first row. */
  readonly rows: NumberPairs;
  readonly values: readonly T[];
  /** What a deny rule forbids, it forbids with a final slash too. */
  readonly effect: PolicyRule['effect'];
}

interface Ordered<T> {
  /** Of the rule among those that were given, which is that of ids. */
  readonly order: number;
  readonly value: T;
}

const rowSize = 4;
/** Where what a row holds stands in it. The method is `anyText` where it does not matter. */
const row = { principal: 0, method: 1, value: 2, order: 3 } as const;
/** So many rows are read in a row faster than one is looked up. */
const shortMax = 6;

interface IndexOptions<T> {
  readonly texts: Texts;
  readonly toValue: (rule: PolicyRule) => T;
  /** Of two rules for the same the first is kept, unless this makes one of them. */
  readonly merge?: (before: T, next: T) => T;
}

/** `rules`: in the order of their ids, by which one of several for the same is named. */
export function indexRules<T>(
  rules: readonly PolicyRule[],
  effect: PolicyRule['effect'],
  options: IndexOptions<T>,
): RuleIndex<T> {
  const groups = byPrincipal(rules);
  const blocks: number[] = [];
  const rows: number[] = [];
  const values: T[] = [];
  const orders = new Map(rules.map((rule, order) => [rule, order]));
  const { connects, paths, patterns } = placesOf(groups, effect, { ...options, orders });
  for (const [place, found] of patterns) {
    const start = blocks.length;
    let count = 0;
    for (const { length } of found.values()) count += length;
    paths.nodes[place] = start;
    blocks.push(count);
    for (const [principal, byMethod] of found) {
      if (count > shortMax) rows.push(start, principal, blocks.length);
      for (const { method, value, order } of byMethod)
        blocks.push(principal, method, values.push(value) - 1, order);
    }
  }
  return {
    ...{
      isEmpty: groups.size === 0,
      principals: new Set(groups.keys()),
      connect: connects,
      effect,
    },
    ...pathIndex(paths),
    blocks: Int32Array.from(blocks),
    rows: numberPairs(rows),
    values,
  };
}

interface Row<T> {
  readonly method: number;
  /** Of the first rule. */
  readonly order: number;
  value: T;
}

/** By principal. */
type Rows<T> = Map<number, Row<T>[]>;

function placesOf<T>(
  groups: ReadonlyMap<string, readonly PolicyRule[]>,
  effect: PolicyRule['effect'],
  {
    texts,
    toValue,
    orders,
    merge = (before) => before,
  }: IndexOptions<T> & { readonly orders: ReadonlyMap<PolicyRule, number> },
) {
  const connects = new Map<string, Ordered<T>>();
  const paths = noPaths();
  const patterns = new Map<number, Rows<T>>();
  const values = new Map<PolicyRule, T>();
  for (const [name, rules] of groups) {
    const principal = ruleText(texts, name);
    for (const rule of rules) {
      const value = values.get(rule) ?? toValue(rule);
      values.set(rule, value);
      const order = orders.get(rule) ?? 0;
      for (const operation of rule.to) {
        if (operation.kind === 'connect') {
          const before = connects.get(name);
          connects.set(
            name,
            before === undefined
              ? { order, value }
              : { ...before, value: merge(before.value, value) },
          );
          continue;
        }
        const { method, segments } = requestOf(operation);
        const shape = effect === 'deny' ? withoutFinalSlash(segments) : segments;
        const place = placeOf(
          paths,
          shape.map((text) => ruleText(texts, text)),
        );
        const found: Rows<T> = patterns.get(place) ?? new Map();
        patterns.set(place, found);
        addRow(found, principal, { method: ruleText(texts, method), order, value }, merge);
      }
    }
  }
  return { connects, paths, patterns };
}

function addRow<T>(
  found: Rows<T>,
  principal: number,
  row: Row<T>,
  merge: (before: T, next: T) => T,
): void {
  const known = found.get(principal);
  const before = known?.find(({ method }) => method === row.method);
  if (before !== undefined) before.value = merge(before.value, row.value);
  else if (known === undefined) found.set(principal, [row]);
  else known.push(row);
}

/** Of the rules that cover it for any of these principals the first in the order of names; see `rule-order.ts`. */
export function findRule<T>(
  index: RuleIndex<T>,
  principals: Principals,
  wanted: Wanted,
): T | undefined {
  const { effect, values } = index;
  if (index.isEmpty) return undefined;
  if (wanted.method === connect) return firstOf(index.connect, principals[effect]);
  const numbers = principals.numbers[effect];
  const best: Best = { value: -1, rank: Number.MAX_SAFE_INTEGER, order: 0 };
  eachPath(index, wanted.segments, lengthFor(index, wanted), (block) => {
    improve(best, index, block, numbers, wanted.method);
  });
  return best.value === -1 ? undefined : values[best.value];
}

interface Best {
  value: number;
  rank: number;
  order: number;
}

/** At one pattern: a method by its name before any, then a caller who is named before everybody. */
function rankOf(method: number | undefined, principal: number): number {
  return (method === anyText ? 2 : 0) + (principal === anyText ? 1 : 0);
}
const ranksMax = 4;

/** Paths come with the most specific first, which is kept. */
function improve(
  best: Best,
  index: RuleIndex<unknown>,
  block: number,
  principals: readonly number[],
  method: number,
): void {
  if (best.value !== -1) return;
  const { blocks } = index;
  const end = endOf(index, block);
  for (const principal of principals) {
    for (
      let at = firstRow(index, block, end, principal);
      at < end && blocks[at + row.principal] === principal;
      at += rowSize
    ) {
      const has = blocks[at + row.method];
      if (has !== method && has !== anyText) continue;
      const rank = rankOf(has, principal);
      const order = blocks[at + row.order] ?? 0;
      if (rank > best.rank || (rank === best.rank && order >= best.order)) continue;
      best.rank = rank;
      best.order = order;
      best.value = blocks[at + row.value] ?? -1;
    }
  }
}

function endOf({ blocks }: RuleIndex<unknown>, block: number): number {
  return block + 1 + (blocks[block] ?? 0) * rowSize;
}

/** The first row of a principal, or the end of the block. */
function firstRow(
  { blocks, rows }: RuleIndex<unknown>,
  block: number,
  end: number,
  principal: number,
): number {
  if (end - block > 1 + shortMax * rowSize) {
    const found = valueOfPair(rows, block, principal);
    return found === -1 ? end : found;
  }
  let at = block + 1;
  while (at < end && blocks[at + row.principal] !== principal) at += rowSize;
  return at;
}

/** Every rule that covers it for any of these principals; those of the smaller rank are named first, then by their ids. */
export function eachRule<T>(
  index: RuleIndex<readonly T[]>,
  principals: Principals,
  wanted: Wanted,
  visit: (rule: T, rank: number) => void,
): void {
  const { effect, blocks, values } = index;
  if (index.isEmpty) return;
  if (wanted.method === connect) {
    for (const principal of principals[effect]) {
      for (const rule of index.connect.get(principal)?.value ?? []) {
        visit(rule, principal === anyone ? 1 : 0);
      }
    }
    return;
  }
  let nearer = 0;
  eachPath(index, wanted.segments, lengthFor(index, wanted), (block) => {
    const end = endOf(index, block);
    for (const principal of principals.numbers[effect]) {
      let at = firstRow(index, block, end, principal);
      for (; at < end && blocks[at + row.principal] === principal; at += rowSize) {
        const method = blocks[at + row.method];
        if (method !== wanted.method && method !== anyText) continue;
        const rank = nearer + rankOf(method, principal);
        for (const rule of values[blocks[at + row.value] ?? -1] ?? []) visit(rule, rank);
      }
    }
    nearer += ranksMax;
  });
}

/** Every rule that names one of these principals. */
export function rulesNaming<T>(
  index: RuleIndex<readonly T[]>,
  principals: Principals,
): ReadonlySet<T> {
  const { connect: connects, blocks, values, effect } = index;
  const found = new Set<T>();
  const add = (rule: T): unknown => found.add(rule);
  for (const principal of principals[effect]) connects.get(principal)?.value.forEach(add);
  const numbers = new Set(principals.numbers[effect]);
  for (let block = 0, end = 0; block < blocks.length; block = end) {
    end = endOf(index, block);
    for (let at = block + 1; at < end; at += rowSize) {
      if (!numbers.has(blocks[at + row.principal] ?? -1)) continue;
      values[blocks[at + row.value] ?? -1]?.forEach(add);
    }
  }
  return found;
}

function lengthFor({ effect }: RuleIndex<unknown>, { segments }: Wanted): number {
  return effect === 'deny' ? lengthWithoutFinalSlash(segments) : segments.length;
}

function firstOf<T>(
  values: ReadonlyMap<string, Ordered<T>>,
  principals: readonly string[],
): T | undefined {
  let best: Ordered<T> | undefined;
  for (const principal of principals) {
    const found = values.get(principal);
    if (found === undefined) continue;
    // Who is named goes before everybody, who comes last.
    if (best === undefined || (principal !== anyone && found.order < best.order)) best = found;
  }
  return best?.value;
}
