import type { LedgerEntry } from '../base/ledger.ts';
import type { LedgerReply } from '../serve/api/ledger-wire.ts';
import { numberOf } from '../serve/api/query-shape.ts';
import { ledgerPageMax } from '../serve/api/routes.ts';
import type { LedgerQuery, Store } from '../store/store.ts';

/** Pages that are looked through for one person; the answer says where to go on. */
const searchedPagesMax = 50;

/** A page of the ledger, newest first, by what a call asks for, without what is not to be shown. */
export async function ledgerPage(
  store: Pick<Store, 'ledger'>,
  query: URLSearchParams,
  isShown: (entry: LedgerEntry) => boolean = () => true,
): Promise<LedgerReply> {
  const { entries, next } = await wholePage(store, query);
  return { entries: entries.filter(isShown), next };
}

async function wholePage(
  store: Pick<Store, 'ledger'>,
  query: URLSearchParams,
): Promise<LedgerReply> {
  const asked = queryOf(query);
  const by = query.get('by');
  if (by === null) return pageOf(await store.ledger(asked), asked.limit);
  const found: LedgerEntry[] = [];
  let before = asked.before;
  for (let pages = 0; pages < searchedPagesMax; pages += 1) {
    const entries = await store.ledger({ ...asked, before, limit: ledgerPageMax });
    found.push(...entries.filter(({ facts }) => facts['by'] === by));
    if (found.length >= asked.limit) return pageOf(found.slice(0, asked.limit), asked.limit);
    before = entries.at(-1);
    if (entries.length < ledgerPageMax) return { entries: found, next: undefined };
  }
  return { entries: found, next: before && cursorOf(before) };
}

/** All that fits, newest first. What is asked for has a bound of its own. */
export async function allEntries(
  store: Pick<Store, 'ledger'>,
  query: Omit<LedgerQuery, 'before' | 'limit'>,
): Promise<readonly LedgerEntry[]> {
  const found: LedgerEntry[] = [];
  for (;;) {
    const asked = { ...query, before: found.at(-1), limit: ledgerPageMax };
    const entries = await store.ledger(asked);
    found.push(...entries);
    if (entries.length < ledgerPageMax) return found;
  }
}

/** A full page may have more behind it. */
function pageOf(entries: readonly LedgerEntry[], limit: number): LedgerReply {
  const last = entries.at(-1);
  const isFull = last !== undefined && entries.length === limit;
  return { entries, next: isFull ? cursorOf(last) : undefined };
}

function cursorOf({ atMs, seq }: Pick<LedgerEntry, 'atMs' | 'seq'>): LedgerReply['next'] {
  return { beforeMs: atMs, beforeSeq: seq };
}

function queryOf(query: URLSearchParams): LedgerQuery {
  const [atMs, seq] = [numberOf(query, 'beforeMs'), numberOf(query, 'beforeSeq')];
  const kinds = query.getAll('kind');
  return {
    kind: kinds.length === 0 ? undefined : kinds,
    subject: query.get('subject') ?? undefined,
    sinceMs: numberOf(query, 'since'),
    untilMs: numberOf(query, 'until'),
    before: atMs === undefined || seq === undefined ? undefined : { atMs, seq },
    limit: numberOf(query, 'limit') ?? ledgerPageMax,
  };
}
