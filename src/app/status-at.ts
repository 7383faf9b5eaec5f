import { resourceId } from '../base/ledger.ts';
import type { Workload, WorkloadId } from '../compile/inventory.ts';
import { refusedFrom } from '../compile/refused-parts.ts';
import { commitKinds, commitsAt } from '../explain/commits-at.ts';
import type { ProxyState } from '../explain/proxy-state.ts';
import type { ServiceName, VersionName } from '../model/types.ts';
import { ledgerPageMax } from '../serve/api/routes.ts';
import { type ApiReply, refused } from '../serve/api/server.ts';
import type { RejectedResource, StatusReply, WorkloadStatus } from '../serve/api/wire.ts';
import type { Store } from '../store/store.ts';
import { proxiesAt } from './past-proxies.ts';

/** The status of a past time, as far as the ledger tells. `now`: the names that do not change. */
export async function statusAt(
  store: Store,
  atMs: number,
  now: Pick<StatusReply, 'mesh' | 'trustDomain'>,
): Promise<ApiReply> {
  const entries = await store.ledger({ kind: commitKinds, untilMs: atMs, limit: ledgerPageMax });
  const { running, refused: turnedDown, waiting } = commitsAt(entries);
  const workloads: WorkloadStatus[] = [];
  for (const [proxy, state] of await proxiesAt(store, atMs)) {
    const known = await workloadAt(store, proxy, state, atMs);
    if (known !== undefined) workloads.push(known);
  }
  if (running === undefined && workloads.length === 0) return nothingThen();
  const body: StatusReply = {
    ...{ atMs, isPast: true, mesh: now.mesh, trustDomain: now.trustDomain },
    commit: running?.commit ?? '',
    subject: running?.subject ?? '',
    refused: turnedDown && { ...turnedDown, findings: [] },
    ...{ waiting, workloads },
    ...{ replicas: [], withheld: [], warnings: [], recent: [], counters: undefined },
  };
  return { kind: 'json', body };
}

function nothingThen(): ApiReply {
  return refused(404, {
    code: 'CH5430',
    message: 'the ledger knows of no commit and no proxy at that time',
    help: 'chancery log --limit 1000 shows how far back it goes',
  });
}

/** Undefined: it was not part of the mesh then. */
async function workloadAt(
  store: Store,
  proxy: string,
  state: ProxyState,
  atMs: number,
): Promise<WorkloadStatus | undefined> {
  if (state.kind === 'left' || state.kind === 'unknown') return undefined;
  const query = { kind: 'endpoint', subject: proxy, untilMs: atMs, limit: 1 };
  const [endpoint] = await store.ledger(query);
  if (endpoint?.facts['state'] === 'gone') return undefined;
  const facts = endpoint?.facts ?? {};
  const rejected = await rejectedAt(store, state);
  return {
    workload: {
      id: proxy as WorkloadId,
      service: String(facts['service'] ?? '') as ServiceName,
      version: String(facts['version'] ?? '') as VersionName,
      host: String(facts['host'] ?? ''),
      state: (facts['state'] ?? 'unhealthy') as Workload['state'],
    },
    proxy: state.kind === 'away' ? 'away' : rejected.length > 0 ? 'refusing' : 'connected',
    sinceMs: state.sinceMs,
    rejected,
    waitsFor: [],
    servedBy: undefined,
  };
}

async function rejectedAt(store: Store, { refused: all }: ProxyState): Promise<RejectedResource[]> {
  const found: RejectedResource[] = [];
  for (const [type, byName] of all) {
    for (const [name, { version, message, atMs: sinceMs }] of byName) {
      const made = await store.resource(resourceId({ type, name, version }));
      const resource = `${type} ${name}`;
      const places = made === undefined ? [] : refusedFrom(made, message);
      const from = places.map(({ file, line }) => ({ file, line }));
      found.push({ resource, version, state: 'rejected', sinceMs, message, from });
    }
  }
  return found;
}
