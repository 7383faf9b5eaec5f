import type { Clock } from '../base/clock.ts';
import type { LedgerEntry } from '../base/ledger.ts';
import { resourceId } from '../base/ledger.ts';
import { shortType } from '../compile/resource.ts';
import { isWhole, type ProxyState, proxyKinds, stateAt } from '../explain/proxy-state.ts';
import type {
  LedgerReply,
  MadeReply,
  ProxyReply,
  ProxyResource,
} from '../serve/api/ledger-wire.ts';
import { numberOf } from '../serve/api/query-shape.ts';
import { ledgerPageMax } from '../serve/api/routes.ts';
import { type ApiReply, type ApiRequest, refused } from '../serve/api/server.ts';
import { paths } from '../serve/api/wire.ts';
import type { XdsService } from '../serve/xds/service.ts';
import type { Store } from '../store/store.ts';

export interface LedgerApiParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly xds: XdsService;
}

/** Past this the checkpoints are not there; what was read tells what it can. */
const historyPagesMax = 100;

/** What the ledger is asked over the control API. Undefined: it is about something else. */
export async function ledgerApi(
  parts: LedgerApiParts,
  { method, path, query }: ApiRequest,
): Promise<ApiReply | undefined> {
  if (method !== 'GET') return undefined;
  if (path === paths.ledger) return { kind: 'json', body: await page(parts.store, query) };
  if (path === paths.resources) return resource(parts.store, query);
  if (!path.startsWith(`${paths.proxies}/`)) return undefined;
  return proxy(parts, decodeURIComponent(path.slice(paths.proxies.length + 1)), query);
}

async function page(store: Store, query: URLSearchParams): Promise<LedgerReply> {
  const [atMs, seq] = [numberOf(query, 'beforeMs'), numberOf(query, 'beforeSeq')];
  const limit = numberOf(query, 'limit') ?? ledgerPageMax;
  const kinds = query.getAll('kind');
  const entries = await store.ledger({
    kind: kinds.length === 0 ? undefined : kinds,
    subject: query.get('subject') ?? undefined,
    sinceMs: numberOf(query, 'since'),
    untilMs: numberOf(query, 'until'),
    before: atMs === undefined || seq === undefined ? undefined : { atMs, seq },
    limit,
  });
  return { entries, more: entries.length === limit };
}

async function resource(store: Store, query: URLSearchParams): Promise<ApiReply> {
  const found = await store.resource(query.get('id') ?? '');
  if (found === undefined) {
    const message = 'the ledger does not hold that version of a resource (any more)';
    return refused(404, { code: 'CH5430', message });
  }
  const { bytes, ...made } = found;
  const body: MadeReply = { ...made, bytes: Buffer.from(bytes).toString('base64') };
  return { kind: 'json', body };
}

async function proxy(
  parts: LedgerApiParts,
  name: string,
  query: URLSearchParams,
): Promise<ApiReply> {
  const { store, clock, xds } = parts;
  const asked = numberOf(query, 'at');
  const atMs = asked ?? clock.nowMs();
  const entries = await historyOf(store, name, atMs);
  if (entries.length === 0) {
    return refused(404, {
      code: 'CH5430',
      message: `the ledger knows nothing of a proxy ${name} at that time`,
      help: 'chancery status shows the proxies of now; chancery log --kind proxy-connected those of before',
    });
  }
  const state = stateAt(entries, atMs);
  const resources = await resourcesOf(store, state);
  const waiting = asked === undefined ? waitingOf(xds, name) : [];
  const { kind, sinceMs } = state;
  const body: ProxyReply = {
    proxy: name,
    atMs,
    kind,
    sinceMs,
    resources: [...resources, ...waiting],
  };
  return { kind: 'json', body };
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

async function resourcesOf(store: Store, state: ProxyState): Promise<ProxyResource[]> {
  const rows: Omit<ProxyResource, 'from' | 'commit'>[] = [];
  for (const [type, byName] of state.held) {
    for (const [name, held] of byName) rows.push({ type, name, ...held, state: 'accepted' });
  }
  for (const [type, byName] of state.refused) {
    for (const [name, { version, message, atMs }] of byName) {
      rows.push({ type, name, version, sinceMs: atMs, state: 'rejected', message });
    }
  }
  return Promise.all(
    rows.map(async (row) => {
      const made = await store.resource(resourceId(row));
      return { ...row, from: made?.from ?? [], commit: made?.commit };
    }),
  );
}

/** What is on its way now; the ledger knows only what was answered. */
function waitingOf(xds: XdsService, proxy: string): ProxyResource[] {
  const [stream = []] = xds.resources(proxy);
  return stream.flatMap(({ type, name, version, state }) =>
    state === 'sent' || state === 'to be sent' || state === 'quarantined'
      ? [{ type: shortType(type), name, version, state, from: [] }]
      : [],
  );
}
