import type { Clock } from '../../base/clock.ts';
import type { NewLedgerEntry } from '../../base/ledger.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { Workload, WorkloadId } from '../../compile/inventory.ts';
import { type HostRecord, hostFits, hostSelectors } from '../../identity/hosts/host-record.ts';
import type { HostName } from '../../model/types.ts';
import { type ApiReply, refused } from '../../serve/api/server.ts';
import type { HostReport } from '../../serve/api/wire.ts';
import type { Store } from '../../store/store.ts';
import type { Confirmations } from '../confirmations.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { SignalLog } from '../rollouts/signal-log.ts';
import type { TrafficLog } from '../traffic/traffic-log.ts';

export const reportKind = 'host-report';

export interface HostReportsParts {
  readonly plane: ControlPlane;
  readonly store: Store;
  readonly confirmations: Confirmations;
  readonly signals: SignalLog;
  readonly traffic: TrafficLog;
  readonly clock: Clock;
  readonly log: Log;
}

/** Takes what hosts say of themselves, as far as it is theirs to say. */
export class HostReports {
  readonly #parts: HostReportsParts;
  readonly #last = new Map<HostName, { readonly report: HostReport; readonly seenMs: number }>();

  constructor(parts: HostReportsParts) {
    this.#parts = parts;
  }

  last(host: HostName): { readonly report: HostReport; readonly seenMs: number } | undefined {
    return this.#last.get(host);
  }

  async take(record: HostRecord, body: unknown): Promise<ApiReply> {
    const { plane, confirmations, signals, clock } = this.#parts;
    const report = body as HostReport;
    const host = record.name;
    const own = report.workloads.map((workload) => ({ ...workload, host: host as string }));
    const foreign = own.find((workload) => !this.#mayRun(record, workload));
    if (foreign !== undefined) {
      return refused(403, {
        code: 'CH3108',
        message: `the host ${host} may not run ${foreign.id} of ${foreign.service}`,
        help: `the service's \`identity: { host: … }\` says on which hosts it runs; each workload has a name of its own in the mesh`,
      });
    }
    await this.#keep(host, own);
    const ids = new Set<string>(own.map(({ id }) => id));
    for (const { id } of this.#workloadsOf(host)) if (!ids.has(id)) signals.forget(id);
    plane.report(host, own);
    const nowMs = clock.nowMs();
    this.#last.set(host, { report, seenMs: nowMs });
    confirmations.take(host, report, nowMs);
    for (const { workload, counters } of report.counters ?? []) {
      if (ids.has(workload)) signals.take(workload as WorkloadId, nowMs, counters);
    }
    this.#takeTraffic(own, report.traffic ?? []);
    return { kind: 'json', body: {} };
  }

  #takeTraffic(own: readonly Workload[], told: NonNullable<HostReport['traffic']>): void {
    const { plane, traffic } = this.#parts;
    if (plane.intent.kind !== 'running') return;
    for (const one of told) {
      const service = own.find(({ id }) => id === one.workload)?.service;
      if (service !== undefined) traffic.take(service, one.traffic, plane.intent.intent);
    }
  }

  /** The host has left: callers are told of its endpoints no more. */
  forget(host: HostName): void {
    const { plane, signals, log } = this.#parts;
    this.#last.delete(host);
    for (const { id } of this.#workloadsOf(host)) signals.forget(id);
    // Callers first: what is not written yet is written again by the next report, or by the next cut.
    const kept = this.#keep(host, []);
    plane.report(host, []);
    kept.catch((error: unknown) =>
      log.error('the store did not take that a host has left', { host, ...problemFields(error) }),
    );
  }

  /** Durable first: a control plane that comes back must not forget endpoints that it told callers of. */
  async #keep(host: HostName, workloads: readonly Workload[]): Promise<void> {
    const { store, clock } = this.#parts;
    const before = this.#workloadsOf(host);
    if (JSON.stringify(workloads) === JSON.stringify(before)) return;
    const document = Buffer.from(JSON.stringify({ workloads }));
    await store.put(reportKind, host, document, undefined);
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
