import { problemFields } from '../base/log.ts';
import type { Workload } from '../compile/inventory.ts';
import type { Trust } from '../identity/trust.ts';
import type { HostReport, SvidReason, SvidReply } from '../serve/api/wire.ts';
import { agentKeyOf, type HostWorkload } from './host-file.ts';
import type { Svid } from './svid-keeper.ts';
import { useReport, useTold } from './use-report.ts';
import { WorkloadAgent, type WorkloadAgentOptions } from './workload-agent.ts';

interface HostWorkloadsOptions
  extends Omit<WorkloadAgentOptions, 'entry' | 'requestSvid' | 'kept'> {
  readonly requestSvid: (workload: Workload, csr: string, reason: SvidReason) => Promise<SvidReply>;
  /** What was held before a restart, by workload. */
  readonly kept: Readonly<Record<string, Svid>>;
}

/** What only the proxies can tell, so that it has to be asked for first. */
export interface ToldByProxies extends Pick<HostReport, 'traffic' | 'flows'> {
  readonly counters: HostReport['counters'];
  readonly presented: HostReport['presented'];
}

/** The workloads that the host file names, each with an agent of its own. */
export class HostWorkloads {
  readonly #options: HostWorkloadsOptions;
  readonly #served = new Map<string, { readonly key: string; readonly agent: WorkloadAgent }>();
  #trust: { readonly trust: Trust; readonly taintedIssuers: readonly string[] } | undefined;

  constructor(options: HostWorkloadsOptions) {
    this.#options = options;
  }

  get agents(): readonly WorkloadAgent[] {
    return [...this.#served.values()].map(({ agent }) => agent);
  }

  get svids(): Readonly<Record<string, Svid>> {
    return Object.fromEntries(
      [...this.#served].flatMap(([id, { agent }]) =>
        agent.svidState.kind === 'absent' ? [] : [[id, agent.svidState.svid]],
      ),
    );
  }

  /** Those that are served otherwise are served anew; others that are no more named are let go. */
  apply(entries: readonly HostWorkload[]): void {
    const wanted = new Map(entries.map((entry) => [entry.workload.id as string, entry]));
    for (const [id, { key, agent }] of this.#served) {
      const entry = wanted.get(id);
      if (entry !== undefined && agentKeyOf(entry) === key) {
        agent.look(entry);
        wanted.delete(id);
        continue;
      }
      this.#served.delete(id);
      void agent.stop();
    }
    for (const entry of wanted.values()) this.#add(entry);
  }

  #add(entry: HostWorkload): void {
    const { requestSvid, kept, ...shared } = this.#options;
    const { workload } = entry;
    const agent = new WorkloadAgent({
      ...shared,
      entry,
      requestSvid: (csr, reason) => requestSvid(workload, csr, reason),
      kept: kept[workload.id],
    });
    this.#served.set(workload.id, { key: agentKeyOf(entry), agent });
    if (this.#trust !== undefined) agent.trust(this.#trust.trust, this.#trust.taintedIssuers);
    agent.start().catch((error: unknown) => {
      const facts = { workload: workload.id, ...problemFields(error) };
      shared.log.error('a workload cannot be served', facts);
    });
  }

  trust(trust: Trust, taintedIssuers: readonly string[]): void {
    this.#trust = { trust, taintedIssuers };
    for (const agent of this.agents) agent.trust(trust, taintedIssuers);
  }

  replan(): void {
    for (const agent of this.agents) agent.replan();
  }

  async stop(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.stop()));
  }

  /** Asked of the proxies: what they did since the last report that was heard, what they count, what they present. */
  async ask(wanted: { readonly counters: boolean }): Promise<ToldByProxies> {
    const counting = wanted.counters ? this.#counters() : undefined;
    const [counters, use] = await Promise.all([counting, useReport(this.#served)]);
    return { ...use, counters, presented: await this.#presented() };
  }

  async #counters(): Promise<HostReport['counters']> {
    const all = [...this.#served].map(async ([workload, { agent }]) => {
      const counters = await agent.counters();
      return counters === undefined ? [] : [{ workload, counters }];
    });
    return (await Promise.all(all)).flat();
  }

  async #presented(): Promise<HostReport['presented']> {
    const isTainted = (this.#trust?.taintedIssuers.length ?? 0) > 0;
    const all = this.agents.map(async (agent) => {
      const issuerKeyId = await agent.presentedIssuer(isTainted);
      const holder: string = agent.workload.id;
      return issuerKeyId === undefined ? [] : [{ holder, issuerKeyId }];
    });
    return (await Promise.all(all)).flat();
  }

  wasHeard(report: HostReport): void {
    useTold(this.#served, report);
  }
}
