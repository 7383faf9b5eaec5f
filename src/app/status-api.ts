import type { Clock } from '../base/clock.ts';
import type { Finding, Position } from '../base/finding.ts';
import type { Workload } from '../compile/inventory.ts';
import { shortType } from '../compile/resource.ts';
import { numberOf } from '../serve/api/query-shape.ts';
import type { ApiReply, ApiRequest } from '../serve/api/server.ts';
import {
  type AwaitedResource,
  type DeskStatus,
  paths,
  type RefusedCommit,
  type StatusReply,
  type WithheldResource,
  type WorkloadStatus,
} from '../serve/api/wire.ts';
import type { CommitVerdict } from '../serve/api/wire-gate.ts';
import type { XdsService } from '../serve/xds/service.ts';
import type { Store } from '../store/store.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Gatekeeper } from './gate/gatekeeper.ts';
import type { Verdicts } from './gate/verdicts.ts';
import type { Notices } from './notices.ts';
import type { Fleet } from './replicas/fleet.ts';
import type { Replica } from './replicas/replica.ts';
import { statusAt } from './status-at.ts';

export interface StatusApiParts {
  readonly plane: ControlPlane;
  readonly xds: XdsService;
  readonly fleet: Fleet;
  readonly replica: Replica;
  readonly notices: Pick<Notices, 'current'>;
  /** Of the pool. */
  readonly desks: { readonly all: readonly DeskStatus[] };
  /** Its host says that its proxy hangs. */
  readonly hangs: (workload: Workload) => boolean;
  readonly gatekeeper: Gatekeeper;
  readonly verdicts: Verdicts;
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
  const { plane, xds, replica, notices, desks, clock } = parts;
  const { intent } = plane;
  const running = intent.kind === 'running' ? intent : undefined;
  const { types: _, ...counters } = xds.counters;
  return {
    ...{ atMs: clock.nowMs(), isPast: false },
    mesh: running?.intent.mesh.name ?? '',
    trustDomain: running?.intent.mesh.trustDomain ?? '',
    commit: running?.tree.commit ?? '',
    subject: running?.tree.subject ?? '',
    ...openCommits(parts),
    replicas: replica.statuses,
    ...(desks.all.length === 0 ? {} : { desks: desks.all }),
    workloads: plane.inventory.map((workload) => workloadStatus(parts, workload)),
    withheld: withheld(xds),
    warnings: notices.current,
    recent: plane.events.recent.slice(-recentMax),
    counters,
  };
}

/** Who leads knows what it has judged; the others what it said of it. */
function openCommits({
  plane,
  replica,
  gatekeeper,
  verdicts,
}: StatusApiParts): Pick<StatusReply, 'refused' | 'waiting'> {
  if (!replica.isLeading) {
    const { refused, waiting } = verdicts;
    const findings = refused?.verdict.kind === 'refused' ? refused.verdict.findings : [];
    return {
      refused: refused && refusedCommit(refused.commit, findings),
      waiting: waitingOf(waiting),
    };
  }
  const { refused } = plane.intent;
  return {
    refused: refused && refusedCommit(refused.commit, refused.findings),
    waiting: waitingOf(gatekeeper.waiting),
  };
}

function refusedCommit(commit: string, findings: readonly Finding[]): RefusedCommit {
  const codes = [...new Set(findings.map(({ code }) => code))];
  return { commit, codes, findings: findings.slice(0, findingsMax) };
}

function workloadStatus(
  { xds, fleet, replica, hangs }: StatusApiParts,
  workload: Workload,
): WorkloadStatus {
  const { state: proxy, sinceMs, rejected: refusals, ...at } = fleet.status(workload.id);
  const rejected = refusals.map((one) => ({ ...one, from: placesOf(one.from) }));
  const isOpen = proxy === 'converging' || proxy === 'stuck';
  const servedBy = at.connected ? (at.replica ?? replica.name) : undefined;
  const waitsFor = isOpen ? awaited(xds, workload.id) : [];
  return {
    ...{ workload, proxy, sinceMs, rejected, waitsFor, servedBy },
    ...(hangs(workload) ? { hangs: true } : {}),
  };
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
