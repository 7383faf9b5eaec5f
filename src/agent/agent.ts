import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Selector } from '../model/types.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compiled-policy.ts';
import { parsePolicyDocument } from '../policy/document-parse.ts';
import { callApi, followApi } from '../serve/api/client.ts';
import {
  type AgentUpdate,
  type HostReport,
  type JwtSvidReply,
  paths,
  type SvidReason,
  type SvidReply,
} from '../serve/api/wire.ts';
import { checkHandler, newDeskCounters } from '../serve/authz/check-handler.ts';
import { decisionIds } from '../serve/authz/decision-id.ts';
import { BoundedLog } from './bounded-log.ts';
import { HostCache, type Kept } from './host-cache.ts';
import { type HostFile, type HostWorkload, watchHostFile } from './host-file.ts';
import { HostIdentities } from './host-identities.ts';
import { JwtCache } from './jwt-cache.ts';
import type { Svid } from './svid-keeper.ts';
import { WorkloadAgent } from './workload-agent.ts';

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
/** Changes of a moment are kept by one write. */
const saveDelayMs = 100;

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
  readonly #jwts: JwtCache;
  readonly #identities: HostIdentities;
  readonly #cache: HostCache;
  readonly #kept: Kept;
  #entries: (AgentUpdate & { readonly kind: 'entries' }) | undefined;
  #policyUpdate: (AgentUpdate & { readonly kind: 'policy' }) | undefined;
  #cancelSave: (() => void) | undefined;
  #trust: (AgentUpdate & { readonly kind: 'trust' }) | undefined;
  #listening: string | undefined;
  #cancelReport = (): void => {};
  #reporting: 'no' | 'yes' | 'and again' = 'no';

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
    const { clock, random, log } = options;
    this.#cache = new HostCache(dirname(options.hostFile), { random, log });
    this.#kept = this.#cache.read();
    this.#jwts = new JwtCache(clock, (service, audience) => this.#requestJwt(service, audience));
    this.#identities = new HostIdentities({
      ...{ clock, random, log, jwts: this.#jwts },
      requestSvid: ({ service, selectors }, csr, reason) =>
        this.#requestSvid(service, 'a process', csr, reason, selectorText(selectors)),
      kept: (spiffeId) => this.#kept.svids[spiffeId],
      onSvid: () => {
        this.#reportSoon();
        this.#saveSoon();
      },
    });
    for (const update of [this.#kept.trust, this.#kept.entries, this.#kept.policy]) {
      if (update !== undefined) this.#take(update);
    }
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
    await this.#identities.close();
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
    this.#listen(host.workloadSocket);
    this.#reportSoon();
  }

  /** The host-wide socket stays where it was first opened. */
  #listen(path: string | undefined): void {
    if (path === undefined || this.#listening !== undefined) return;
    this.#listening = path;
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    this.#identities.listen(path).catch((error: unknown) => {
      this.#listening = undefined;
      this.#options.log.error('the host-wide socket cannot be opened', {
        path,
        problem: messageOf(error),
      });
    });
  }

  #add(entry: HostWorkload): void {
    const { clock, random, log } = this.#options;
    const agent = new WorkloadAgent({
      entry,
      clock,
      random,
      log,
      check: this.#check,
      jwts: this.#jwts,
      requestSvid: (csr, reason) => {
        const { id, service } = entry.workload;
        return this.#requestSvid(service, id, csr, reason, 'socket');
      },
      kept: this.#kept.svids[entry.workload.id],
      onChange: () => {
        this.#reportSoon();
        this.#saveSoon();
      },
    });
    this.#workloads.set(entry.workload.id, { key: JSON.stringify(entry), agent });
    if (this.#trust !== undefined) agent.trust(this.#trust.trust, this.#trust.taintedIssuers);
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
    this.#saveSoon();
    switch (update.kind) {
      case 'trust':
        this.#takeTrust(update);
        break;
      case 'entries':
        this.#entries = update;
        this.#identities.setEntries(update.entries);
        break;
      case 'policy':
        this.#takePolicy(update);
        break;
    }
  }

  #takeTrust(update: AgentUpdate & { readonly kind: 'trust' }): void {
    const { trust, taintedIssuers } = update;
    const before = this.#trust?.trust.own.jwtKeys.map(({ kid }) => kid).join();
    if (before !== trust.own.jwtKeys.map(({ kid }) => kid).join()) this.#jwts.clear();
    this.#trust = update;
    for (const { agent } of this.#workloads.values()) agent.trust(trust, taintedIssuers);
    this.#identities.setTrust(trust, taintedIssuers);
    // The control plane is back, or new: it hears at once what runs here.
    this.#reportSoon();
  }

  #takePolicy(update: AgentUpdate & { readonly kind: 'policy' }): void {
    const document = parsePolicyDocument(update.document);
    if (!document.ok) {
      this.#options.log.error('the policy cannot be read; the last one holds', {
        problem: document.error,
      });
      return;
    }
    this.#policyUpdate = update;
    this.#policy = compilePolicy(document.value);
    this.#options.log.info('policy taken', { version: update.version });
  }

  #saveSoon(): void {
    this.#cancelSave ??= this.#options.clock.after(saveDelayMs, () => {
      this.#cancelSave = undefined;
      this.#cache.write({
        trust: this.#trust,
        entries: this.#entries,
        policy: this.#policyUpdate,
        svids: this.#svids(),
      });
    });
  }

  /** All that is held; what was kept and not asked for yet stays. */
  #svids(): Readonly<Record<string, Svid>> {
    const nowMs = this.#options.clock.nowMs();
    const kept = Object.entries(this.#kept.svids).filter(([, svid]) => svid.notAfterMs > nowMs);
    const own = [...this.#workloads].flatMap(([id, { agent }]) =>
      agent.svidState.kind === 'absent' ? [] : [[id, agent.svidState.svid] as const],
    );
    const pooled = this.#identities.pool.svids.map((svid) => [svid.spiffeId, svid] as const);
    return Object.fromEntries([...kept, ...own, ...pooled]);
  }

  async #requestSvid(
    service: string,
    workload: string,
    csr: string,
    reason: SvidReason,
    selectors: string,
  ): Promise<SvidReply> {
    const { host, controlSocket } = this.#hostFile();
    const body = { service, workload, host, csr, reason, selectors };
    const call = { method: 'POST' as const, path: paths.svids, body };
    return (await callApi(controlSocket, call)) as SvidReply;
  }

  async #requestJwt(service: string, audience: readonly string[]): Promise<JwtSvidReply> {
    const { host, controlSocket } = this.#hostFile();
    const call = {
      method: 'POST' as const,
      path: paths.jwtSvids,
      body: { service, host, audience },
    };
    return (await callApi(controlSocket, call)) as JwtSvidReply;
  }

  #hostFile(): HostFile {
    if (this.#host === undefined) throw new Error('the host file was not read yet');
    return this.#host;
  }

  /** What changes while a report is on its way goes into the next one, at once. */
  #reportSoon(delayMs: number = reportDelayMs): void {
    if (this.#reporting !== 'no') {
      this.#reporting = 'and again';
      return;
    }
    this.#cancelReport();
    this.#cancelReport = this.#options.clock.after(delayMs, () => void this.#report());
  }

  async #report(): Promise<void> {
    const host = this.#host;
    if (host === undefined || this.#ended.signal.aborted) return;
    this.#reporting = 'yes';
    let nextMs = reportAgainMs;
    try {
      const body = await this.#hostReport();
      const path = `${paths.hosts}${host.host}`;
      await callApi(host.controlSocket, { method: 'PUT', path, body });
    } catch {
      nextMs = reconnectMs;
    }
    const again = (this.#reporting as string) === 'and again';
    this.#reporting = 'no';
    this.#reportSoon(again ? reportDelayMs : nextMs);
  }

  async #hostReport(): Promise<HostReport> {
    const agents = [...this.#workloads.values()].map(({ agent }) => agent);
    const isTainted = (this.#trust?.taintedIssuers.length ?? 0) > 0;
    const byProxies = agents.map(async (agent) => {
      const issuerKeyId = await agent.presentedIssuer(isTainted);
      return issuerKeyId === undefined
        ? []
        : [{ holder: agent.workload.id as string, issuerKeyId }];
    });
    const byProcesses = this.#identities.pool.svids.map(({ spiffeId, issuerKeyId }) => ({
      holder: spiffeId,
      issuerKeyId,
    }));
    return {
      workloads: agents.map((agent) => agent.workload),
      trustSequence: Math.min(
        this.#trust?.trust.own.sequence ?? 0,
        ...agents.map((agent) => agent.confirmedSequence),
      ),
      presented: [...(await Promise.all(byProxies)).flat(), ...byProcesses],
    };
  }
}

function selectorText(selectors: readonly Selector[]): string {
  return selectors.map(({ kind, value }) => `${kind}:${value}`).join(' ');
}
