import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compiled-policy.ts';
import { parsePolicyDocument } from '../policy/document-parse.ts';
import { callApi, followApi } from '../serve/api/client.ts';
import { type AgentUpdate, type HostReport, paths, type SvidReply } from '../serve/api/wire.ts';
import { checkHandler, newDeskCounters } from '../serve/authz/check-handler.ts';
import { decisionIds } from '../serve/authz/decision-id.ts';
import { BoundedLog } from './bounded-log.ts';
import { type HostFile, type HostWorkload, watchHostFile } from './host-file.ts';
import { type Trust, WorkloadAgent } from './workload-agent.ts';

export interface AgentOptions {
  readonly hostFile: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const reconnectMs = 300;
/** Changes that come together are one report. */
const reportDelayMs = 5;
const reportAgainMs = 10_000;

/** The agent of one host: identities, policy desk and readiness of its workloads. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #workloads = new Map<string, { readonly key: string; readonly agent: WorkloadAgent }>();
  readonly #ended = new AbortController();
  readonly #counters = newDeskCounters();
  readonly #decisions: BoundedLog;
  readonly #check: ReturnType<typeof checkHandler>;
  #host: HostFile | undefined;
  #policy: CompiledPolicy | undefined;
  #trust: Trust | undefined;
  #cancelReport = (): void => {};

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#decisions = new BoundedLog(join(dirname(options.hostFile), 'logs', 'decisions.jsonl'));
    this.#check = checkHandler({
      policy: () => this.#policy,
      clock: options.clock,
      nextId: decisionIds(options.clock, options.random),
      onDecision: (record) => this.#decisions.write(`${JSON.stringify(record)}\n`),
      counters: this.#counters,
    });
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { hostFile, clock } = this.#options;
    const unwatch = watchHostFile(hostFile, clock, (host) => this.#apply(host));
    while (!this.#ended.signal.aborted) {
      await this.#follow();
      await sleep(clock, reconnectMs);
    }
    unwatch();
    await Promise.all([...this.#workloads.values()].map(({ agent }) => agent.stop()));
    await this.#decisions.close();
  }

  stop(): void {
    this.#ended.abort();
  }

  #apply(host: HostFile): void {
    this.#host = host;
    const wanted = new Map(host.workloads.map((entry) => [entry.workload.id as string, entry]));
    for (const [id, { key, agent }] of this.#workloads) {
      const entry = wanted.get(id);
      if (entry !== undefined && JSON.stringify(entry) === key) {
        wanted.delete(id);
        continue;
      }
      this.#workloads.delete(id);
      void agent.stop();
    }
    for (const entry of wanted.values()) this.#add(entry);
    this.#reportSoon();
  }

  #add(entry: HostWorkload): void {
    const { clock, random, log } = this.#options;
    const agent = new WorkloadAgent({
      entry,
      clock,
      random,
      log,
      check: this.#check,
      requestSvid: (csr, reason) => this.#requestSvid(entry, csr, reason),
      onChange: () => this.#reportSoon(),
    });
    this.#workloads.set(entry.workload.id, { key: JSON.stringify(entry), agent });
    if (this.#trust !== undefined) agent.trust(this.#trust);
    agent.start().catch((error: unknown) => {
      log.error('a workload cannot be served', {
        workload: entry.workload.id,
        problem: messageOf(error),
      });
    });
  }

  /** Trust and policy, pushed by the control plane; while it is away the last ones hold. */
  async #follow(): Promise<void> {
    const host = this.#host;
    if (host === undefined) return;
    try {
      await followApi(
        host.controlSocket,
        `${paths.watch}?host=${encodeURIComponent(host.host)}`,
        (line) => this.#take(line as AgentUpdate),
        this.#ended.signal,
      );
    } catch (error) {
      if (this.#ended.signal.aborted) return;
      this.#options.log.warn('the control plane is away', { problem: messageOf(error) });
    }
  }

  #take(update: AgentUpdate): void {
    if (update.kind === 'trust') {
      this.#trust = update;
      for (const { agent } of this.#workloads.values()) agent.trust(update);
      // The control plane is back, or new: it hears at once what runs here.
      this.#reportSoon();
      return;
    }
    const document = parsePolicyDocument(update.document);
    if (!document.ok) {
      this.#options.log.error('the policy cannot be read; the last one holds', {
        problem: document.error,
      });
      return;
    }
    this.#policy = compilePolicy(document.value);
    this.#options.log.info('policy taken', { version: update.version });
  }

  #requestSvid(entry: HostWorkload, csr: string, reason: 'first' | 'renewal'): Promise<SvidReply> {
    const host = this.#host;
    if (host === undefined) return Promise.reject(new Error('the host file was not read yet'));
    const { id, service } = entry.workload;
    const body = { service, workload: id, host: host.host, csr, reason };
    return callApi(host.controlSocket, {
      method: 'POST',
      path: paths.svids,
      body,
    }) as Promise<SvidReply>;
  }

  #reportSoon(delayMs: number = reportDelayMs): void {
    this.#cancelReport();
    this.#cancelReport = this.#options.clock.after(delayMs, () => void this.#report());
  }

  async #report(): Promise<void> {
    const host = this.#host;
    if (host === undefined || this.#ended.signal.aborted) return;
    const workloads = [...this.#workloads.values()].map(({ agent }) => agent.workload);
    const body: HostReport = { workloads };
    try {
      await callApi(host.controlSocket, {
        method: 'PUT',
        path: `${paths.hosts}${host.host}`,
        body,
      });
      this.#reportSoon(reportAgainMs);
    } catch {
      this.#reportSoon(reconnectMs);
    }
  }
}
