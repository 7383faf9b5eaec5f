import type { Selector } from '../model/types.ts';
import type { IdentityEntry } from './entry.ts';

/** One wanted selector that a process does not have, and what it has of that kind instead. */
interface Miss {
  readonly wanted: Selector;
  readonly found: readonly string[];
}

export interface EntryMatch {
  readonly entry: IdentityEntry;
  /** Empty: the process is this service. */
  readonly misses: readonly Miss[];
}

/**
 * Holds every entry against what a process shows. An entry fits when each of its selectors is among them. The most
 * specific fitting entry (most selectors, then by name) comes first: it is the default identity.
 */
export function matchEntries(
  entries: readonly IdentityEntry[],
  shown: readonly Selector[],
): readonly EntryMatch[] {
  const values = Map.groupBy(shown, (selector) => selector.kind);
  return entries
    .map((entry) => ({ entry, misses: missesOf(entry, values) }))
    .sort(
      (a, b) =>
        a.misses.length - b.misses.length ||
        b.entry.selectors.length - a.entry.selectors.length ||
        (a.entry.spiffeId < b.entry.spiffeId ? -1 : 1),
    );
}

/**
 * Finds the entries that fit among thousands: each waits below the rarest of its selectors, so that a process is held
 * against the few that it could be.
 */
export class EntryIndex {
  readonly entries: readonly IdentityEntry[];
  readonly #below: ReadonlyMap<string, readonly IdentityEntry[]>;

  constructor(entries: readonly IdentityEntry[]) {
    this.entries = entries;
    const uses = new Map<string, number>();
    for (const { selectors } of entries) {
      for (const one of selectors) uses.set(keyOf(one), (uses.get(keyOf(one)) ?? 0) + 1);
    }
    const usesOf = (selector: Selector): number => uses.get(keyOf(selector)) ?? 0;
    this.#below = Map.groupBy(
      entries.filter(({ selectors }) => selectors.length > 0),
      ({ selectors }) =>
        keyOf(selectors.reduce((best, one) => (usesOf(one) < usesOf(best) ? one : best))),
    );
  }

  /** The default first, as `matchEntries` has them. */
  fitting(shown: readonly Selector[]): readonly IdentityEntry[] {
    const candidates = new Set(shown.map(keyOf))
      .values()
      .flatMap((key) => this.#below.get(key) ?? []);
    return matchEntries([...candidates], shown)
      .filter(({ misses }) => misses.length === 0)
      .map(({ entry }) => entry);
  }
}

function keyOf({ kind, value }: Selector): string {
  return `${kind}\n${value}`;
}

function missesOf(
  entry: IdentityEntry,
  values: ReadonlyMap<string, readonly Selector[]>,
): readonly Miss[] {
  return entry.selectors.flatMap((wanted) => {
    const found = (values.get(wanted.kind) ?? []).map((selector) => selector.value);
    return found.includes(wanted.value) ? [] : [{ wanted, found }];
  });
}

/** What could not be found out of a process, and why. */
export interface Unknown {
  readonly kind: string;
  readonly reason: string;
}

/** One line on why nothing fits: the entry that came closest, and its first selector that failed. */
export function closestMiss(
  entries: readonly IdentityEntry[],
  shown: readonly Selector[],
  unknown: readonly Unknown[] = [],
): string {
  const [closest] = matchEntries(entries, shown);
  const miss = closest?.misses[0];
  if (closest === undefined || miss === undefined) return 'no service has an `identity:`';
  const { kind, value } = miss.wanted;
  return `closest is ${closest.entry.service}, which wants ${kind} ${value}; ${insteadOf(miss, unknown)}`;
}

/** What the process has in place of what was wanted. */
export function insteadOf({ wanted, found }: Miss, unknown: readonly Unknown[]): string {
  if (found.length > 0) return `the process is ${found.join(', ')}`;
  const why = unknown.find(({ kind }) => kind === wanted.kind);
  return why === undefined ? 'the process has none' : `the process has none: ${why.reason}`;
}
