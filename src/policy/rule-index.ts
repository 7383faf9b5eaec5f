import type { Operation } from '../model/types.ts';
import type { PolicyPrincipal, PolicyRule } from './document.ts';
import { buildPathIndex, eachPath, type PathIndex, patternSegments } from './path-index.ts';
import {
  anyText,
  connect,
  lengthWithoutFinalSlash,
  numberOf,
  numbersOf,
  type TextNumbers,
  type Wanted,
} from './texts.ts';

/** The rules of one service with one effect: by path, then principal, then method. */
export interface RuleIndex<T> {
  readonly isEmpty: boolean;
  /** Those that some rule here names. */
  readonly principals: ReadonlySet<string>;
  readonly connect: ReadonlyMap<string, T>;
  readonly paths: PathIndex<ByPrincipal<T>>;
  /** What a deny rule forbids, it forbids with a final slash too. */
  readonly effect: PolicyRule['effect'];
}

type ByPrincipal<T> = ReadonlyMap<string, ByMethod<T>>;

/** A list, for there are few. */
interface ByMethod<T> {
  /** `anyText`: whatever the method. */
  readonly method: number;
  readonly value: T;
  readonly next: ByMethod<T> | undefined;
}

type Merge<T> = (before: T, next: T) => T;

interface Entry<T> {
  readonly principal: string;
  readonly method: number;
  readonly value: T;
}

/** Of two rules for the same the first is kept, unless `merge` makes one of them. */
export function indexRules<T>(
  rules: readonly PolicyRule[],
  effect: PolicyRule['effect'],
  options: {
    readonly texts: TextNumbers;
    readonly toValue: (rule: PolicyRule) => T;
    readonly merge?: Merge<T>;
  },
): RuleIndex<T> {
  const { texts, toValue, merge = (before) => before } = options;
  const connects = new Map<string, T>();
  const entries: (readonly [readonly number[], Entry<T>])[] = [];
  const groups = byPrincipal(rules);
  const values = new Map(rules.map((rule) => [rule, toValue(rule)]));
  for (const [principal, group] of groups) {
    for (const rule of group) {
      const value = values.get(rule) ?? toValue(rule);
      for (const operation of rule.to) {
        if (operation.kind === 'connect') {
          const before = connects.get(principal);
          connects.set(principal, before === undefined ? value : merge(before, value));
          continue;
        }
        const { method, segments } = requestOf(operation);
        const entry = { principal, method: numberOf(texts, method), value };
        entries.push([withoutSlash(numbersOf(texts, segments), effect), entry]);
      }
    }
  }
  const paths = buildPathIndex(
    entries,
    (before: Map<string, ByMethod<T>> = new Map(), entry: Entry<T>) => {
      const { principal } = entry;
      return before.set(principal, withEntry(before.get(principal), entry, merge));
    },
  );
  const principals = new Set(groups.keys());
  return { isEmpty: principals.size === 0, principals, connect: connects, paths, effect };
}

function withoutSlash(segments: readonly number[], effect: PolicyRule['effect']) {
  return effect === 'allow' ? segments : segments.slice(0, lengthWithoutFinalSlash(segments));
}

function withEntry<T>(
  list: ByMethod<T> | undefined,
  entry: Entry<T>,
  merge: Merge<T>,
): ByMethod<T> {
  const { method } = entry;
  if (list === undefined) return { method, value: entry.value, next: undefined };
  return list.method === method
    ? { ...list, value: merge(list.value, entry.value) }
    : { ...list, next: withEntry(list.next, entry, merge) };
}

/** The rule that covers it for the first of these principals that has one: for its method before any. */
export function findRule<T>(
  index: RuleIndex<T>,
  principals: readonly string[],
  wanted: Wanted,
): T | undefined {
  if (index.isEmpty) return undefined;
  if (wanted.method === connect) return firstOf(index.connect, principals);
  const best: Best<T> = { value: undefined, rank: principals.length * 2 };
  eachPath(index.paths, wanted.segments, lengthFor(index, wanted), (found) => {
    improve(best, found, principals, wanted.method);
  });
  return best.value;
}

/** The smaller the rank, the nearer the principal; odd: for any method. */
interface Best<T> {
  value: T | undefined;
  rank: number;
}

/** Paths come with the most specific first, which is kept. */
function improve<T>(
  best: Best<T>,
  found: ByPrincipal<T>,
  principals: readonly string[],
  method: number,
): void {
  for (let at = 0; at * 2 < best.rank; at += 1) {
    const principal = principals[at];
    if (principal === undefined) return;
    for (let one = found.get(principal); one !== undefined; one = one.next) {
      const rank = one.method === method ? at * 2 : at * 2 + 1;
      if (rank >= best.rank || (one.method !== method && one.method !== anyText)) continue;
      best.rank = rank;
      best.value = one.value;
    }
  }
}

/** Every rule that covers it for any of these principals. */
export function eachRule<T>(
  index: RuleIndex<readonly T[]>,
  principals: readonly string[],
  wanted: Wanted,
  visit: (rule: T) => void,
): void {
  if (index.isEmpty) return;
  if (wanted.method === connect) {
    for (const principal of principals) index.connect.get(principal)?.forEach(visit);
    return;
  }
  const tables: ByPrincipal<readonly T[]>[] = [];
  eachPath(index.paths, wanted.segments, lengthFor(index, wanted), (found) => tables.push(found));
  for (const principal of principals)
    for (const method of [wanted.method, anyText])
      for (const table of tables) valueFor(table.get(principal), method)?.forEach(visit);
}

/** Every rule that names one of these principals. */
export function rulesNaming<T>(
  { paths, connect: connects }: RuleIndex<readonly T[]>,
  principals: readonly string[],
): ReadonlySet<T> {
  const found = new Set<T>();
  for (const principal of principals) {
    for (const rule of connects.get(principal) ?? []) found.add(rule);
    for (const table of paths.values)
      for (let one = table.get(principal); one !== undefined; one = one.next)
        for (const rule of one.value) found.add(rule);
  }
  return found;
}

/** Rules by each that they name, in their order. */
export function byPrincipal(rules: readonly PolicyRule[]): ReadonlyMap<string, PolicyRule[]> {
  const groups = new Map<string, PolicyRule[]>();
  for (const rule of rules) {
    for (const key of new Set(rule.from.map(principalKey))) {
      const group = groups.get(key) ?? [];
      group.push(rule);
      groups.set(key, group);
    }
  }
  return groups;
}

export const anyone = '*';

export function principalKey(principal: PolicyPrincipal): string {
  switch (principal.kind) {
    case 'any':
      return anyone;
    case 'service':
      return `service ${principal.service}`;
    case 'role':
      return `role ${principal.role}`;
    case 'guest':
      return principal.guest;
  }
}

/** gRPC is POST to `/pkg.Service/Method` (the protocol's HTTP/2 mapping), so one index serves both. */
export function requestOf(operation: Exclude<Operation, { kind: 'connect' }>): {
  readonly method: string;
  readonly segments: readonly string[];
} {
  return operation.kind === 'http'
    ? { method: operation.method, segments: patternSegments(operation.path) }
    : { method: 'POST', segments: [operation.service, operation.method] };
}

function lengthFor({ effect }: RuleIndex<unknown>, wanted: Wanted): number {
  return effect === 'deny' ? lengthWithoutFinalSlash(wanted.segments) : wanted.segments.length;
}

function firstOf<T>(values: ReadonlyMap<string, T>, principals: readonly string[]): T | undefined {
  for (const principal of principals) {
    const found = values.get(principal);
    if (found !== undefined) return found;
  }
  return undefined;
}

function valueFor<T>(list: ByMethod<T> | undefined, method: number): T | undefined {
  for (let one = list; one !== undefined; one = one.next) {
    if (one.method === method) return one.value;
  }
  return undefined;
}
