import type { Clock } from '../base/clock.ts';
import { type LedgerEntry, resourceId } from '../base/ledger.ts';
import { nearestName } from '../base/nearest.ts';
import { refusedFrom } from '../compile/refused-parts.ts';
import { shortType } from '../compile/resource.ts';
import type { ProxyState } from '../explain/proxy-state.ts';
import { tokenKinds } from '../explain/tokens-at.ts';
import type { MadeReply, ProxyReply, ProxyResource } from '../serve/api/ledger-wire.ts';
import { numberOf } from '../serve/api/query-shape.ts';
import { type ApiPeer, type ApiReply, type ApiRequest, refused } from '../serve/api/server.ts';
import { paths } from '../serve/api/wire.ts';
import type { XdsService } from '../serve/xds/service.ts';
import type { Store } from '../store/store.ts';
import { ledgerPage } from './ledger-page.ts';
import { proxyStateAt } from './past-proxies.ts';

export interface LedgerApiParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly xds: XdsService;
}

/** What the ledger is asked over the control API. Undefined: it is about something else. */
export async function ledgerApi(
  parts: LedgerApiParts,
  { method, path, query, peer }: ApiRequest,
): Promise<ApiReply | undefined> {
  if (method !== 'GET') return undefined;
  if (path === paths.ledger) {
    const isShown = mayReadTokens(peer) ? undefined : isNotOfTokens;
    return { kind: 'json', body: await ledgerPage(parts.store, query, isShown) };
  }
  if (path === paths.resources) return resource(parts.store, query);
  if (!path.startsWith(`${paths.proxies}/`)) return undefined;
  return proxy(parts, decodeURIComponent(path.slice(paths.proxies.length + 1)), query);
}

function mayReadTokens(peer: ApiPeer): boolean {
  return peer.kind === 'operator' || (peer.kind === 'caller' && peer.role === 'admin');
}

/** Who may not list the tokens of the API does not read them out of what became of them. */
function isNotOfTokens({ kind, subject }: LedgerEntry): boolean {
  const isMade = tokenKinds.some((one) => one === kind);
  return !isMade && !(kind === 'api-call' && subject.includes(` ${paths.apiTokens}`));
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
  const state = await proxyStateAt(store, name, atMs);
  if (state === undefined) {
    const nearest = nearestName(name, xds.statuses().keys());
    return refused(404, {
      code: 'CH5430',
      message: `the ledger knows nothing of a proxy ${name}${asked === undefined ? '' : ' at that time'}`,
      ...(nearest === undefined || nearest === name ? {} : { nearest }),
      help: 'chancery status shows the proxies of now; chancery log --kind proxy-connected those of before',
    });
  }
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
      const from = made === undefined ? [] : refusedFrom(made, row.message ?? '');
      return { ...row, from, commit: made?.commit };
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
