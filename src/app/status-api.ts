import type { Clock } from '../base/clock.ts';
import type { Position } from '../base/finding.ts';
import type { Workload } from '../compile/inventory.ts';
import { shortType } from '../compile/resource.ts';
import { numberOf } from '../serve/api/query-shape.ts';
import type { ApiReply, ApiRequest } from '../serve/api/server.ts';
import {
  type AwaitedResource,
  paths,
  type StatusReply,
  type WithheldResource,
  type WorkloadStatus,
} from '../serve/api/wire.ts';
import type { CommitVerdict } from '../serve/api/wire-gate.ts';
import type { XdsService } from '../serve/xds/service.ts';
import type { Store } from '../store/store.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Gatekeeper } from './gate/gatekeeper.ts';
import type { Notices } from './notices.ts';
import { statusAt } from './status-at.ts';

export interface StatusApiParts {
  readonly plane: ControlPlane;
  readonly xds: XdsService;
  readonly notices: Pick<Notices, 'current'>;
  readonly gatekeeper: Gatekeeper;
  readonly store: Store;
  readonly clock: Clock;
}

const recentMax = 20;
/** `chancery revision show` has all. */
const findingsMax = 3;
/** Of one proxy; `chancery proxy` has all. */
const awaitedMax = 10;

/** How the mesh is, or was; undefined when the request is about something else. */
export async function statusApi(
  parts: StatusApiParts,
  { method, path, query }: ApiRequest,
): Promise<ApiReply | undefined> {
  if (method !== 'GET' || path !== paths.status) return undefined;
  const atMs = numberOf(query, 'at');
  const now = status(parts);
  return atMs === undefined ? { kind: 'json', body: now } : statusAt(parts.store, atMs, now);
}

function status(parts: StatusApiParts): StatusReply {
  const { plane, xds, notices, gatekeeper, clock } = parts;
  const { intent } = plane;
  const { refused } = intent;
  const running = intent.kind === 'running' ? intent : undefined;
  const { types: _, ...counters } = xds.counters;
  return {
    ...{ atMs: clock.nowMs(), isPast: false },
    mesh: running?.intent.mesh.name ?? '',
    trustDomain: running?.intent.mesh.trustDomain ?? '',
    commit: running?.tree.commit ?? '',
    subject: running?.tree.subject ?? '',
    refused: refused && {
      commit: refused.commit,
      codes: [...new Set(refused.findings.map(({ code }) => code))],
      findings: refused.findings.slice(0, findingsMax),
    },
    waiting: waitingOf(gatekeeper.waiting),
    workloads: plane.inventory.map((workload) => workloadStatus(xds, workload)),
    withheld: withheld(xds),
    warnings: notices.current,
    recent: plane.events.recent.slice(-recentMax),
    counters,
  };
}

function workloadStatus(xds: XdsService, workload: Workload): WorkloadStatus {
  const { state: proxy, sinceMs, rejected: refusals } = xds.status(workload.id);
  const rejected = refusals.map((one) => ({ ...one, from: placesOf(one.from) }));
  const isOpen = proxy === 'converging' || proxy === 'stuck';
  return { workload, proxy, sinceMs, rejected, waitsFor: isOpen ? awaited(xds, workload.id) : [] };
}

function awaited(xds: XdsService, proxy: string): AwaitedResource[] {
  const [stream = []] = xds.resources(proxy);
  return stream
    .flatMap(({ type, name, state, sinceMs }) =>
      state === 'not asked for' || state === 'to be sent' || state === 'sent'
        ? [{ resource: `${shortType(type)} ${name}`, state, sinceMs }]
        : [],
    )
    .slice(0, awaitedMax);
}

function withheld(xds: XdsService): WithheldResource[] {
  return xds.quarantined().map(({ type, name, from, ...one }) => ({
    ...{ ...one, resource: `${shortType(type)} ${name}` },
    from: placesOf(from),
  }));
}

function placesOf(from: readonly Position[]): WithheldResource['from'] {
  return from.map(({ file, line }) => ({ file, line }));
}

function waitingOf(held: CommitVerdict | undefined): StatusReply['waiting'] {
  if (held?.verdict.kind !== 'waiting') return undefined;
  const { commit, subject, verdict } = held;
  return { commit, subject, codes: verdict.findings.map(({ code }) => code) };
}
