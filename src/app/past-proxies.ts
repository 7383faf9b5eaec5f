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

/** Every proxy that said anything in the days before, sorted. */
export async function proxiesBefore(store: Store, atMs: number): Promise<readonly string[]> {
  const kind = ['proxy-connected', 'proxy-disconnected', 'proxy-checkpoint', 'proxy-retired'];
  const found = new Set<string>();
  let before: LedgerEntry | undefined;
  for (let pages = 0; pages < historyPagesMax; pages += 1) {
    const span = { sinceMs: atMs - lookBackMs, untilMs: atMs };
    const entries = await store.ledger({ kind, ...span, before, limit: ledgerPageMax });
    for (const { subject } of entries) found.add(subject);
    before = entries.at(-1);
    if (entries.length < ledgerPageMax) break;
  }
  return [...found].sort();
}
