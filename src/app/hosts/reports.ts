import type { Clock } from '../../base/clock.ts';
import type { NewLedgerEntry } from '../../base/ledger.ts';
import { type Log, problemFields } from '../../base/log.ts';
import { sortInventory, type Workload, type WorkloadId } from '../../compile/inventory.ts';
import { type HostRecord, hostFits, hostSelectors } from '../../identity/hosts/host-record.ts';
import type { HostName, ServiceName } from '../../model/types.ts';
import type { ApplicationStanding } from '../../rollout/application.ts';
import { type ApiReply, refused } from '../../serve/api/server.ts';
import type { HostReport } from '../../serve/api/wire.ts';
import type { Store, StoredDocument } from '../../store/store.ts';
import type { GrantUses } from '../breakglass/uses.ts';
import type { Confirmations } from '../confirmations.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Followed } from '../replicas/feed.ts';
import type { Revisions } from '../replicas/open-revisions.ts';
import type { SharedSignals } from '../replicas/shared-signals.ts';
import type { Shadows } from '../shadow/shadows.ts';
import type { FlowLog } from '../traffic/flow-log.ts';
import type { TrafficLog } from '../traffic/traffic-log.ts';

export const reportKind = 'host-report';

/** As it lies in the store. */
interface StoredReport {
  readonly workloads: readonly Workload[];
  readonly state:
    | Pick<
        HostReport,
        'trustSequence' | 'presented' | 'health' | 'applications' | 'policy' | 'policyRefused'
      >
    | undefined;
}

/** What runs in the mesh by what hosts reported last. */
export function storedInventory(reports: readonly StoredDocument[]): Workload[] {
  return reports.flatMap(
    ({ value }) => (JSON.parse(Buffer.from(value).toString('utf8')) as StoredReport).workloads,
  );
}

function stateOf(report: HostReport): StoredReport['state'] {
  const { trustSequence, presented, health, applications, policy, policyRefused } = report;
  return {
    ...{ trustSequence, presented, health },
    ...(applications && { applications }),
    ...(policy === undefined ? {} : { policy }),
    ...(policyRefused === undefined ? {} : { policyRefused }),
  };
}

interface HostReportsParts {
  readonly plane: ControlPlane;
  readonly store: Store;
  readonly confirmations: Pick<Confirmations, 'take'>;
  readonly signals: Pick<SharedSignals, 'tell' | 'forget'>;
  readonly revisions: {
    readonly applications: Pick<Revisions['applications'], 'take'>;
    readonly desks: Pick<Revisions['desks'], 'take'>;
  };
  readonly traffic: Pick<TrafficLog, 'take'>;
  readonly flows: Pick<FlowLog, 'take'>;
  readonly breakglass: { readonly uses: Pick<GrantUses, 'take'> };
  readonly shadows: Pick<Shadows, 'take'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Takes what hosts say of themselves, as far as it is theirs to say. */
export class HostReports {
  readonly #parts: HostReportsParts;
  /** What the store holds of each host. */
  readonly #kept = new Map<string, string>();
  readonly #last = new Map<HostName, { readonly report: HostReport; readonly seenMs: number }>();

  readonly #followers = new Set<(host: HostName) => void>();

  constructor(parts: HostReportsParts) {
    this.#parts = parts;
  }

  last(host: HostName): { readonly report: HostReport; readonly seenMs: number } | undefined {
    return this.#last.get(host);
  }

  /** Calls back with each host that told something else than before of itself or what it runs, here or elsewhere. */
  onChange(follower: (host: HostName) => void): void {
    this.#followers.add(follower);
  }

  async take(record: HostRecord, body: unknown): Promise<ApiReply> {
    const { plane, confirmations, signals, revisions, clock } = this.#parts;
    const report = body as HostReport;
    const host = record.name;
    // In the order of the inventory: what is the same in another order is not written again.
    const own = sortInventory(report.workloads.map((one) => ({ ...one, host: host as string })));
    const foreign = own.find((workload) => !this.#mayRun(record, workload));
    if (foreign !== undefined) {
      return refused(403, {
        code: 'CH3108',
        message: `the host ${host} may not run ${foreign.id} of ${foreign.service}`,
        help: `the service's \`identity: { host: … }\` says on which hosts it runs; each workload has a name of its own in the mesh`,
      });
    }
    const ids = new Set<string>(own.map(({ id }) => id));
    // What a commit is judged by is heard also while the store takes nothing; each report tells all of it again.
    for (const { workload, counters } of report.counters ?? []) {
      if (ids.has(workload)) signals.tell(workload as WorkloadId, counters);
    }
    await this.#keep(host, own, report);
    await this.#parts.breakglass.uses.take(host, report.breakglass ?? [], clock.nowMs());
    for (const { id } of this.#workloadsOf(host)) if (!ids.has(id)) signals.forget(id);
    const runsOther = plane.report(host, own);
    const nowMs = clock.nowMs();
    const before = this.#last.get(host)?.report;
    this.#last.set(host, { report, seenMs: nowMs });
    if (runsOther || before === undefined || !saysTheSame(before, report)) this.#tell(host);
    confirmations.take(host, report, nowMs);
    revisions.applications.take(host, ownOf(ids, report.applications));
    revisions.desks.take(host, report);
    this.#takeUse(own, report);
    const services = new Set<string>(own.map(({ service }) => service));
    this.#parts.shadows.take(host, services, report.shadow);
    return { kind: 'json', body: {} };
  }

  /** What hosts told other replicas; it was looked at there. */
  follow(changes: readonly Followed[]): void {
    const { plane, confirmations, revisions, clock } = this.#parts;
    const nowMs = clock.nowMs();
    const told = changes.flatMap(({ id, document }) => {
      if (document === undefined) return [];
      const text = Buffer.from(document.value).toString('utf8');
      this.#kept.set(id, text);
      return [[id, JSON.parse(text) as StoredReport] as const];
    });
    plane.reports(told.map(([host, { workloads }]) => [host, workloads]));
    for (const [host, { workloads, state }] of told) {
      if (workloads.length === 0) {
        this.#last.delete(host as HostName);
        revisions.applications.take(host, []);
        revisions.desks.take(host, undefined);
      }
      if (state !== undefined) {
        this.#last.set(host as HostName, { report: { workloads, ...state }, seenMs: nowMs });
        confirmations.take(host, state, nowMs);
        revisions.applications.take(host, state.applications ?? []);
        revisions.desks.take(host, state);
      }
      this.#tell(host as HostName);
    }
  }

  #tell(host: HostName): void {
    for (const follower of this.#followers) follower(host);
  }

  #takeUse(own: readonly Workload[], report: HostReport): void {
    const { plane, traffic, flows } = this.#parts;
    if (plane.intent.kind !== 'running') return;
    const { intent } = plane.intent;
    const services = new Map<string, ServiceName>(own.map(({ id, service }) => [id, service]));
    for (const one of report.traffic ?? []) {
      const service = services.get(one.workload);
      if (service !== undefined) traffic.take(service, one.traffic, intent);
    }
    for (const one of report.flows ?? []) {
      const service = services.get(one.workload);
      if (service !== undefined) flows.take(service, one.flows, intent);
    }
  }

  /** The host has left: callers are told of its endpoints no more. */
  forget(host: HostName): void {
    const { plane, signals, revisions, log } = this.#parts;
    this.#last.delete(host);
    revisions.applications.take(host, []);
    revisions.desks.take(host, undefined);
    for (const { id } of this.#workloadsOf(host)) signals.forget(id);
    // Callers first: what is not written yet is written again by the next report, or by the next cut.
    const kept = this.#keep(host, [], undefined);
    plane.report(host, []);
    this.#tell(host);
    kept.catch((error: unknown) =>
      log.error('the store did not take that a host has left', { host, ...problemFields(error) }),
    );
  }

  /**
   * Durable first: a control plane that comes back must not forget endpoints that it told callers of. What a host has
   * confirmed is written only where another replica reads it.
   */
  async #keep(
    host: HostName,
    workloads: readonly Workload[],
    report: HostReport | undefined,
  ): Promise<void> {
    const { store, clock } = this.#parts;
    const before = this.#workloadsOf(host);
    const isSame = JSON.stringify(workloads) === JSON.stringify(before);
    const state = store.isShared && report !== undefined ? stateOf(report) : undefined;
    const text = JSON.stringify({ workloads, state } satisfies StoredReport);
    if (isSame && (state === undefined || text === this.#kept.get(host))) return;
    await store.put(reportKind, host, Buffer.from(text), undefined);
    this.#kept.set(host, text);
    for (const entry of endpointChanges(before, workloads, clock.nowMs())) store.record(entry);
  }

  #workloadsOf(host: HostName): readonly Workload[] {
    return this.#parts.plane.inventory.filter((one) => one.host === host);
  }

  /** A host speaks for its own workloads only, and only for services that its machine may run. */
  #mayRun(record: HostRecord, { id, service }: Workload): boolean {
    const { plane } = this.#parts;
    const known = plane.workload(id);
    if (known !== undefined && known.host !== record.name) return false;
    if (plane.intent.kind !== 'running') return true;
    const wanted = plane.intent.intent.services.get(service)?.identity.hostSelectors ?? [];
    return hostFits(wanted, hostSelectors(record));
  }
}

/** But for what it holds, which is renewed all the time. */
function saysTheSame(before: HostReport, after: HostReport): boolean {
  const said = ({ trustSequence, health }: HostReport): string =>
    JSON.stringify([trustSequence, { ...health, identities: [] }]);
  return said(before) === said(after);
}

/** A host speaks of what it runs. */
function ownOf(
  ids: ReadonlySet<string>,
  told: readonly ApplicationStanding[] = [],
): readonly ApplicationStanding[] {
  return told.filter(({ workload }) => ids.has(workload));
}

/** What callers are told of, one entry for each workload that came, went or is otherwise than before. */
function endpointChanges(
  before: readonly Workload[],
  after: readonly Workload[],
  atMs: number,
): NewLedgerEntry[] {
  const known = new Map(before.map((one) => [one.id, JSON.stringify(one)]));
  const present = new Set(after.map((one) => one.id));
  const changed = after.filter((one) => known.get(one.id) !== JSON.stringify(one));
  const gone = before.filter((one) => !present.has(one.id));
  const entry = (one: Workload, state: string): NewLedgerEntry => {
    const { host, service, version, address, ingressPort } = one;
    const facts = { state, service, version, host, address: `${address}:${ingressPort}` };
    return { atMs, kind: 'endpoint', subject: one.id, facts };
  };
  return [...changed.map((one) => entry(one, one.state)), ...gone.map((one) => entry(one, 'gone'))];
}
