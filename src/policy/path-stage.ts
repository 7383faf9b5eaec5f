import { escapeRegex } from '../base/escape-regex.ts';
import { compareText } from './document.ts';
import { withoutFinalSlash } from './path-index.ts';
import type { Clause, PlannedRule, Verdict } from './plan-parts.ts';
import { pathRank } from './rule-order.ts';

/** The exact path first, then prefixes, longest first. */
export interface PathStage {
  readonly exact: ReadonlyMap<string, ExactEntry>;
  /** Keys end in `/`. */
  readonly prefixes: ReadonlyMap<string, PrefixEntry>;
}

/** At least one of them. */
export interface ExactEntry {
  /** Of patterns that end here; tried before `rest`. */
  readonly end: MethodTable | undefined;
  /** Of patterns with any rest, also none. */
  readonly rest: MethodTable | undefined;
}

export interface PrefixEntry {
  /** Tried in order against the whole path, before `rest`. None matches a question mark, nor does anything else here. */
  readonly patterns: readonly { readonly regex: string; readonly table: MethodTable }[];
  readonly rest: MethodTable | undefined;
}

/** The method's own table first, then that of any method. */
export interface MethodTable {
  readonly byMethod: ReadonlyMap<string, CallerTable>;
  readonly any: CallerTable | undefined;
}

/** By SPIFFE ID, then anyone. */
export interface CallerTable {
  readonly bySpiffeId: ReadonlyMap<string, Leaf>;
  readonly any: Leaf | undefined;
}

/** A verdict, or the first of some whose conditions all hold. */
export type Leaf = Verdict | Choice;

interface Choice {
  readonly kind: 'choice';
  readonly of: readonly Option[];
}

interface Option {
  /** Empty: it always holds, and is the last. */
  readonly when: readonly Clause[];
  readonly verdict: Verdict;
}

interface Placed {
  readonly method: string;
  /** A SPIFFE ID, or `*`. */
  readonly caller: string;
  readonly option: Option;
}

/** By the place in the path tree where they stand. */
interface Places {
  readonly exact: Map<string, Map<'end' | 'rest', readonly Placed[]>>;
  readonly prefixes: Map<string, Prefixed>;
}

interface Prefixed {
  readonly rest: Map<'rest', readonly Placed[]>;
  readonly patterns: Map<string, readonly Placed[]>;
  /** Of each regular expression. */
  readonly ranks: Map<string, string>;
}

const anyone = '*';

/** Undefined where no rule says anything. Rules come in the order in which they are to be named. */
export function pathStage(
  rules: readonly PlannedRule[],
  effect: 'allow' | 'deny',
): PathStage | undefined {
  const places: Places = { exact: new Map(), prefixes: new Map() };
  for (const rule of rules) addRule(places, rule, effect);
  const { exact, prefixes } = places;
  if (exact.size + prefixes.size === 0) return undefined;
  return {
    exact: new Map(sortedEntries(exact).map(([path, found]) => [path, exactEntry(found)])),
    prefixes: new Map(
      sortedEntries(prefixes).map(([prefix, found]) => [prefix, prefixEntry(found)]),
    ),
  };
}

function addRule(places: Places, rule: PlannedRule, effect: 'allow' | 'deny'): void {
  const { when, verdict } = rule;
  const option: Option = { when, verdict };
  const callers = rule.isForAnyone ? [...rule.callers, anyone] : rule.callers;
  for (const { method, segments } of rule.operations) {
    const found = callers.map((caller): Placed => ({ method, caller, option }));
    if (found.length === 0) continue;
    if (effect === 'allow') addPattern(places, segments, found);
    else addDenied(places, withoutFinalSlash(segments), found);
  }
}

/** A deny rule holds with a final slash too; a rest has it anyway. */
function addDenied(places: Places, segments: readonly string[], found: readonly Placed[]): void {
  addPattern(places, segments, found);
  const last = segments.at(-1);
  if (last !== '' && last !== '**') addPattern(places, [...segments, ''], found);
}

function addPattern(places: Places, segments: readonly string[], found: readonly Placed[]): void {
  const rest = segments.at(-1) === '**';
  const fixed = rest ? segments.slice(0, -1) : segments;
  const wild = fixed.indexOf('*');
  const path = `/${fixed.join('/')}`;
  if (wild !== -1) {
    const literal = fixed.slice(0, wild).map((part) => `${part}/`);
    const parts = fixed.map((part) => (part === '*' ? '[^/?]+' : escapeRegex(part)));
    const regex = `/${parts.join('/')}${rest ? '(?:/[^?]*)?' : ''}`;
    const { patterns, ranks } = prefixPlaces(places, `/${literal.join('')}`);
    append(patterns, regex, found);
    ranks.set(regex, pathRank(segments));
    return;
  }
  if (!rest) {
    append(exactPlaces(places, path), 'end', found);
    return;
  }
  // A prefix without its final slash would also cover `/payroll` for `/pay`.
  append(prefixPlaces(places, fixed.length === 0 ? '/' : `${path}/`).rest, 'rest', found);
  if (fixed.length > 0) append(exactPlaces(places, path), 'rest', found);
}

function exactPlaces({ exact }: Places, path: string): Map<'end' | 'rest', readonly Placed[]> {
  const known = exact.get(path) ?? new Map<'end' | 'rest', readonly Placed[]>();
  exact.set(path, known);
  return known;
}

function prefixPlaces({ prefixes }: Places, prefix: string): Prefixed {
  const known = prefixes.get(prefix) ?? {
    rest: new Map(),
    patterns: new Map<string, readonly Placed[]>(),
    ranks: new Map<string, string>(),
  };
  prefixes.set(prefix, known);
  return known;
}

function append<Key>(map: Map<Key, readonly Placed[]>, key: Key, found: readonly Placed[]): void {
  const known = map.get(key);
  map.set(key, known === undefined ? found : [...known, ...found]);
}

function exactEntry(found: ReadonlyMap<'end' | 'rest', readonly Placed[]>): ExactEntry {
  const [end, rest] = [found.get('end'), found.get('rest')];
  return { end: end && methodTable(end), rest: rest && methodTable(rest) };
}

function prefixEntry({ rest: atRest, patterns, ranks }: Prefixed): PrefixEntry {
  const rest = atRest.get('rest');
  const rankOf = (regex: string): string => ranks.get(regex) ?? '';
  return {
    patterns: sortedEntries(patterns)
      .sort(([a], [b]) => compareText(rankOf(a), rankOf(b)))
      .map(([regex, placed]) => ({ regex, table: methodTable(placed) })),
    rest: rest && methodTable(rest),
  };
}

/** A path and what is below it mostly have the same rules, and then the same table. */
const tables = new WeakMap<readonly Placed[], MethodTable>();

function methodTable(placed: readonly Placed[]): MethodTable {
  const known = tables.get(placed) ?? newMethodTable(placed);
  tables.set(placed, known);
  return known;
}

function newMethodTable(placed: readonly Placed[]): MethodTable {
  const groups = Map.groupBy(placed, ({ method }) => method);
  const any = groups.get('*');
  groups.delete('*');
  return {
    byMethod: new Map(sortedEntries(groups).map(([method, found]) => [method, callerTable(found)])),
    any: any === undefined ? undefined : callerTable(any),
  };
}

function callerTable(placed: readonly Placed[]): CallerTable {
  const options = new Map<string, Option[]>();
  for (const { caller, option } of placed) {
    const known = options.get(caller);
    if (known === undefined) options.set(caller, [option]);
    // Behind one that always holds nothing is reached.
    else if (known.at(-1)?.when.length !== 0 && !known.includes(option)) known.push(option);
  }
  const any = options.get(anyone);
  options.delete(anyone);
  return {
    bySpiffeId: new Map(sortedEntries(options).map(([id, found]) => [id, leafOf(found)])),
    any: any === undefined ? undefined : leafOf(any),
  };
}

/** Of one rule for many callers one object, which is then encoded once. */
const leaves = new WeakMap<Option, Leaf>();

function leafOf(options: readonly Option[]): Leaf {
  const [only] = options;
  if (only === undefined || options.length > 1) return { kind: 'choice', of: options };
  const leaf =
    leaves.get(only) ?? (only.when.length === 0 ? only.verdict : { kind: 'choice', of: [only] });
  leaves.set(only, leaf);
  return leaf;
}

/** Sorted, so that equal policies give equal resources. */
function sortedEntries<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => compareText(a, b));
}
