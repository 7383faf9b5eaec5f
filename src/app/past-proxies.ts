import type { LedgerEntry } from '../base/ledger.ts';
import { isWhole, type ProxyState, proxyKinds, stateAt } from '../explain/proxy-state.ts';
import { ledgerPageMax } from '../serve/api/routes.ts';
import type { Store } from '../store/store.ts';

/** Past this the checkpoints are not there; what was read tells what it can. */
const historyPagesMax = 100;
/** Each proxy that is connected is noted whole once a day, and again when it comes back from a night of its host. */
const lookBackMs = 8 * 86_400_000;

/** What a proxy ran at a time, as the ledger tells; undefined: it knows nothing of it. */
export async function proxyStateAt(
  store: Store,
  proxy: string,
  atMs: number,
): Promise<ProxyState | undefined> {
  const entries = await historyOf(store, proxy, atMs);
  return entries.length === 0 ? undefined : stateAt(entries, atMs);
}

/** Oldest first, back to where everything before is in one entry. */
async function historyOf(store: Store, proxy: string, atMs: number): Promise<LedgerEntry[]> {
  const found: LedgerEntry[] = [];
  for (let pages = 0; pages < historyPagesMax; pages += 1) {
    const before = found.at(-1);
    const query = { kind: proxyKinds, subject: proxy, untilMs: atMs, before, limit: ledgerPageMax };
    const entries = await store.ledger(query);
    const whole = entries.findIndex(isWhole);
    found.push(...(whole === -1 ? entries : entries.slice(0, whole + 1)));
    if (whole !== -1 || entries.length < ledgerPageMax) break;
  }
  return found.reverse();
}

/** All but what proxies took, which is most of the ledger. */
const linkKinds = proxyKinds.filter((kind) => kind !== 'ack' && kind !== 'proxy-holds');

/**
 * Every proxy that said anything in the days before, by name: whether it was there, and what it refused. What it took is
 * read only where it refused something, which it may have taken since.
 */
export async function proxiesAt(
  store: Store,
  atMs: number,
): Promise<ReadonlyMap<string, ProxyState>> {
  const states = new Map<string, ProxyState>();
  for (const [proxy, entries] of await linksBefore(store, atMs)) {
    const refuses = entries.slice(entries.findLastIndex(isWhole) + 1).some(isRefusal);
    const whole = refuses ? await proxyStateAt(store, proxy, atMs) : undefined;
    states.set(proxy, whole ?? stateAt(entries, atMs));
  }
  return states;
}

function isRefusal({ kind }: LedgerEntry): boolean {
  return kind === 'nack';
}

/** By proxy, sorted; the entries of each oldest first. */
async function linksBefore(
  store: Store,
  atMs: number,
): Promise<ReadonlyMap<string, readonly LedgerEntry[]>> {
  const found: LedgerEntry[] = [];
  for (let pages = 0; pages < historyPagesMax; pages += 1) {
    const span = { sinceMs: atMs - lookBackMs, untilMs: atMs, before: found.at(-1) };
    const entries = await store.ledger({ kind: linkKinds, ...span, limit: ledgerPageMax });
    found.push(...entries);
    if (entries.length < ledgerPageMax) break;
  }
  const byProxy = Map.groupBy(found.reverse(), ({ subject }) => subject);
  return new Map([...byProxy].sort(([a], [b]) => (a < b ? -1 : 1)));
}
