import type { ControlPlane } from '../../../src/app/control-plane.ts';
import type { HostReports } from '../../../src/app/hosts/reports.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { Workload } from '../../../src/compile/inventory.ts';
import type { HostRecord } from '../../../src/identity/hosts/host-record.ts';
import { grantRulePrefix } from '../../../src/model/grant-place.ts';
import type { HostName } from '../../../src/model/types.ts';
import type { AgentUpdate, HostReport, ReportedUse } from '../../../src/serve/api/wire.ts';
import { SimApplications } from './applications.ts';
import type { SimProxy } from './proxy.ts';

export interface Running {
  readonly workload: Workload;
  readonly proxy: SimProxy;
}

interface Counters {
  requests: number;
  errors: number;
  denials: number;
}

type Policy = Extract<AgentUpdate, { readonly kind: 'policy' }>;

export function recordOf(name: string): HostRecord {
  return {
    ...{ name: name as HostName, method: 'test', anchor: name, selectors: [], attestedMs: 0 },
    ...{ key: '', previousKey: undefined, previousUntilMs: undefined },
    ...{ notBeforeMs: 0, notAfterMs: Number.MAX_SAFE_INTEGER, standing: { kind: 'active' } },
  };
}

/** A host with its agent: its desk follows the policy, and it tells what its proxies count. */
export class SimHost {
  readonly name: string;
  readonly running = new Map<string, Running>();
  readonly applications: SimApplications;
  readonly #clock: Clock;
  readonly #record: HostRecord;
  readonly #delayMs: () => number;
  readonly #counted = new Map<string, Counters>();
  #told: Policy | undefined;
  #policy: Policy | undefined;
  #plane: { readonly plane: ControlPlane; readonly reports: HostReports } | undefined;
  #unsubscribe = (): void => {};
  #isReporting = false;
  /** Since when it hears of one control plane. */
  sinceMs: number | undefined;
  readonly #used = new Map<string, number>();
  readonly #untold = new Map<string, number>();

  constructor(name: string, clock: Clock, delayMs: () => number) {
    this.name = name;
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#record = recordOf(name);
    this.applications = new SimApplications(clock);
  }

  get isConnected(): boolean {
    return this.#plane !== undefined;
  }

  isAt(server: { readonly plane: ControlPlane } | undefined): boolean {
    return this.#plane !== undefined && this.#plane.plane === server?.plane;
  }

  connect(to: { readonly plane: ControlPlane; readonly reports: HostReports }): void {
    this.disconnect();
    this.#plane = to;
    this.sinceMs = this.#clock.monotonicMs();
    this.#unsubscribe = to.plane.subscribe(this.name, (update) => {
      if (update.kind !== 'policy') return;
      this.#told = update;
      this.#clock.after(this.#delayMs(), () => {
        // What was told first is never taken last.
        if (this.#plane !== to || this.#told === this.#policy) return;
        this.#policy = this.#told;
        this.report();
      });
    });
  }

  disconnect(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => {};
    this.#plane = undefined;
    this.sinceMs = undefined;
    this.#isReporting = false;
  }

  policyHas(text: string): boolean {
    return JSON.stringify(this.#policy ?? {}).includes(text);
  }

  /** In what runs and in what is on its way. */
  policyHasEverywhere(text: string): boolean {
    const { document, ahead } = this.#policy ?? {};
    return [document, ...(ahead === undefined ? [] : [ahead.document])].every((one) =>
      JSON.stringify(one ?? {}).includes(text),
    );
  }

  /** How often a grant let a request through here. */
  usesOf(rule: string): number {
    return this.#used.get(rule) ?? 0;
  }

  #reported(rule: string, uses: number): ReportedUse {
    const counted = { sinceMs: 1, before: this.usesOf(rule) - uses };
    const grant = rule.slice(grantRulePrefix.length);
    return { grant, uses, lastMs: this.#clock.nowMs(), counted };
  }

  /** Somebody comes in by each grant that the desk knows. */
  use(): void {
    const rules = JSON.stringify(this.#policy?.document ?? {}).matchAll(
      new RegExp(`"(${grantRulePrefix}[0-9a-f]+)"`, 'g'),
    );
    for (const rule of new Set([...rules].map(([, id = '']) => id))) {
      this.#used.set(rule, this.usesOf(rule) + 1);
      this.#untold.set(rule, (this.#untold.get(rule) ?? 0) + 1);
    }
  }

  /** What decides for this workload, in its proxy and at its desk, or what it runs. */
  decidesBy({ proxy }: Running, text: string): boolean {
    const runs = this.applications.commandOf(proxy.id)?.includes(text) === true;
    return runs || proxy.has(text) || this.deskHas(proxy.id, text);
  }

  deskHas(proxy: string, text: string): boolean {
    const ahead = this.#policy?.ahead;
    const isAhead = ahead?.proxies.some((one) => one === proxy) === true;
    const document = isAhead ? ahead?.document : this.#policy?.document;
    return JSON.stringify(document ?? {}).includes(text);
  }

  /** One second of requests. */
  serve(harms: { readonly denies: readonly string[]; readonly fails: readonly string[] }): void {
    for (const one of this.running.values()) {
      const { id, service } = one.workload;
      const counters = this.#counted.get(id) ?? { requests: 0, errors: 0, denials: 0 };
      this.#counted.set(id, counters);
      counters.requests += 20;
      const does = (text: string): boolean => this.decidesBy(one, text.replace('*', service));
      if (harms.denies.some(does)) counters.denials += 10;
      if (harms.fails.some(does)) counters.errors += 10;
    }
  }

  /** One at a time. */
  report(): void {
    const to = this.#plane;
    if (to === undefined || this.#isReporting) return;
    const workloads = [...this.running.values()].map(({ workload }) => workload);
    const trouble = { handshakeFailures: 0, retries: 0, clientErrors: 0, slower: [] };
    const report: HostReport = {
      ...{ workloads, trustSequence: 0, presented: [] },
      health: { canRenew: true, problems: [] } as unknown as HostReport['health'],
      counters: [...this.#counted].map(([workload, counted]) => ({
        workload,
        counters: { ...trouble, ...counted },
      })),
      ...(this.#policy === undefined ? {} : { policy: this.#policy.version }),
      applications: this.applications.standings(workloads),
      breakglass: [...this.#untold].flatMap(([rule, uses]) =>
        uses === 0 ? [] : [this.#reported(rule, uses)],
      ),
    };
    this.#isReporting = true;
    const told = new Map(this.#untold);
    const over = (isTaken: boolean): void => {
      if (this.#plane !== to) return;
      this.#isReporting = false;
      if (!isTaken) return;
      for (const [rule, uses] of told) {
        this.#untold.set(rule, (this.#untold.get(rule) ?? 0) - uses);
      }
    };
    to.reports.take(this.#record, report).then(
      (reply) => over(reply.kind === 'json' && (reply.status ?? 200) < 400),
      () => over(false),
    );
  }

  forget(id: string): void {
    this.running.delete(id);
    this.#counted.delete(id);
  }
}
