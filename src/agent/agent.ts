import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { watchClock } from '../base/clock-watch.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Trust } from '../identity/trust.ts';
import {
  type AgentHealthReply,
  type AgentUpdate,
  type HostReport,
  type HostTrouble,
  hostHolder,
  type JwtSvidReply,
  paths,
} from '../serve/api/wire.ts';
import { AgentSockets } from './agent-sockets.ts';
import { ControlFeed } from './control-feed.ts';
import { ControlLink } from './control-link.ts';
import { type DeskAddress, DeskPool } from './desk-pool.ts';
import type { HostCache, Kept } from './host-cache.ts';
import { agentKeyOf, type HostFile, type HostWorkload, watchHostFile } from './host-file.ts';
import { agentHealth, type HealthParts, hostHealth } from './host-health.ts';
import { HostIdentities } from './host-identities.ts';
import { hostTroubles } from './host-troubles.ts';
import { JwtCache } from './jwt-cache.ts';
import type { HostIdentity, LinkState } from './link-state.ts';
import { PolicyDesk } from './policy-desk.ts';
import { Reporter } from './reporter.ts';
import type { Svid } from './svid-keeper.ts';
import { SvidRequests, selectorText } from './svid-requests.ts';
import { useReport, useTold } from './use-report.ts';
import { WorkloadAgent } from './workload-agent.ts';

interface AgentOptions {
  readonly hostFile: string;
  readonly cache: HostCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** See `PolicyDeskOptions`. */
  readonly allowRate: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it answers proxies of other hosts; only those of its own when left out. */
  readonly pool?: DeskAddress;
}

/** Changes of a moment are kept by one write. */
const saveDelayMs = 100;
const saveAgainMs = 5_000;

type Update<Kind extends AgentUpdate['kind']> = AgentUpdate & { readonly kind: Kind };

/** The agent of one host: identities, policy desk and readiness of its workloads. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #workloads = new Map<string, { readonly key: string; readonly agent: WorkloadAgent }>();
  readonly #desk: PolicyDesk;
  readonly #pool: DeskPool | undefined;
  readonly #feed: ControlFeed;
  readonly #jwts: JwtCache;
  readonly #identities: HostIdentities;
  readonly #sockets: AgentSockets;
  readonly #cache: HostCache;
  readonly #kept: Kept;
  readonly #link: ControlLink;
  readonly #requests: SvidRequests;
  readonly #reporter: Reporter;
  #trust: Update<'trust'> | undefined;
  #entries: Update<'entries'> | undefined;
  #hostIdentity: HostIdentity | undefined;
  #firstKeyPem: string | undefined;
  #cancelSave: (() => void) | undefined;
  #applications: HostFile['applications'];
  #jumpedAtMs: number | undefined;
  #lookMs = 0;
  #cancelLook = (): void => {};

  constructor(options: AgentOptions) {
    this.#options = options;
    const { clock, random, log } = options;
    const dir = join(dirname(options.hostFile), 'logs');
    const onNews = (): void => this.#reporter.soon();
    const host = (): string | undefined => options.pool && this.#hostIdentity?.host;
    this.#desk = new PolicyDesk({ ...options, dir, onNews, host });
    const { check } = this.#desk;
    const onStall = (): void => this.#feed.reopen();
    this.#pool = options.pool && new DeskPool({ at: options.pool, check, onStall, clock, log });
    this.#cache = options.cache;
    this.#kept = this.#cache.kept;
    this.#hostIdentity = this.#kept.host;
    this.#firstKeyPem = this.#kept.firstKeyPem;
    this.#link = this.#openLink();
    const call = this.#link.call.bind(this.#link);
    this.#feed = new ControlFeed({
      ...{ clock, random, log, link: this.#link },
      onUpdate: (update) => {
        this.#take(update);
        if (update.kind === 'policy') this.#pool?.heard();
      },
    });
    this.#requests = new SvidRequests(this.#link);
    const report = (): Promise<HostReport> => this.#hostReport();
    const told = (heard: HostReport): void => {
      useTold(this.#workloads, heard);
      this.#desk.told(heard);
    };
    this.#reporter = new Reporter({ clock, call, report, told });
    this.#jwts = new JwtCache(clock, (service, audience) => this.#requestJwt(service, audience));
    this.#identities = new HostIdentities({
      ...{ clock, random, log, jwts: this.#jwts },
      requestSvid: ({ service, selectors }, csr, reason) =>
        this.#requests.ask({
          ...{ service, workload: 'a process', csr, reason },
          selectors: selectorText(selectors),
        }),
      kept: (spiffeId) => this.#kept.svids[spiffeId],
      onSvid: () => this.#changed(),
    });
    const health = (): AgentHealthReply => this.#health();
    this.#sockets = new AgentSockets({ identities: this.#identities, health, clock, log });
    for (const update of [this.#kept.trust, this.#kept.entries, this.#kept.policy]) {
      if (update !== undefined) this.#take(update);
    }
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { hostFile, clock } = this.#options;
    const unwatch = watchHostFile(hostFile, clock, (host) => this.#apply(host));
    const unwatchClock = watchClock(clock, (jumpedMs) => this.#clockJumped(jumpedMs));
    await this.#feed.run();
    unwatch();
    unwatchClock();
    this.#cancelLook();
    this.#link.stop();
    this.#reporter.stop();
    await Promise.all([...this.#workloads.values()].map(({ agent }) => agent.stop()));
    this.#sockets.close();
    await this.#identities.close();
    await this.#pool?.close();
    await this.#desk.close();
  }

  stop(): void {
    this.#feed.stop();
  }

  #openLink(): ControlLink {
    const { clock, random, log } = this.#options;
    const { host, firstKeyPem, trust } = this.#kept;
    return new ControlLink({
      ...{ clock, random, log },
      kept: { identity: host, firstKeyPem, trust: trust?.trust.own },
      keep: async ({ identity, firstKeyPem }) => {
        if (identity !== undefined) this.#hostIdentity = identity;
        this.#firstKeyPem = identity === undefined ? firstKeyPem : undefined;
        await this.#save();
      },
      onTrust: (trust: Trust) => this.#take({ kind: 'trust', trust, taintedIssuers: [] }),
      onState: (state) => this.#linkBecame(state),
    });
  }

  #linkBecame(state: LinkState): void {
    if (state.kind === 'joined') {
      this.#pool?.show(state.identity);
      this.#feed.reopen();
    }
    this.#reporter.soon();
  }

  #apply(host: HostFile): void {
    this.#link.use(host.control);
    this.#applications = host.applications;
    const wanted = new Map(host.workloads.map((entry) => [entry.workload.id as string, entry]));
    for (const [id, { key, agent }] of this.#workloads) {
      const entry = wanted.get(id);
      if (entry !== undefined && agentKeyOf(entry) === key) {
        agent.look(entry);
        wanted.delete(id);
        continue;
      }
      this.#workloads.delete(id);
      void agent.stop();
    }
    for (const entry of wanted.values()) this.#add(entry);
    this.#sockets.open(host);
    this.#reporter.soon();
  }

  #add(entry: HostWorkload): void {
    const { clock, random, log } = this.#options;
    const agent = new WorkloadAgent({
      entry,
      clock,
      random,
      log,
      check: this.#desk.check,
      shadow: this.#desk.shadow,
      jwts: this.#jwts,
      requestSvid: (csr, reason) => {
        const { id, service } = entry.workload;
        return this.#requests.ask({ service, workload: id, csr, reason, selectors: 'socket' });
      },
      kept: this.#kept.svids[entry.workload.id],
      onChange: () => this.#changed(),
    });
    this.#workloads.set(entry.workload.id, { key: agentKeyOf(entry), agent });
    if (this.#trust !== undefined) agent.trust(this.#trust.trust, this.#trust.taintedIssuers);
    agent.start().catch((error: unknown) => {
      log.error('a workload cannot be served', {
        workload: entry.workload.id,
        ...problemFields(error),
      });
    });
  }

  #take(update: AgentUpdate): void {
    if (update.kind !== 'time') this.#saveSoon();
    switch (update.kind) {
      case 'trust':
        this.#takeTrust(update);
        break;
      case 'entries':
        this.#entries = update;
        this.#identities.setEntries(update.entries);
        break;
      case 'policy':
      case 'time':
        this.#desk.take(update);
        break;
      case 'look':
        // What follows is held against what was until now.
        this.#reporter.soon();
        this.#lookEvery(update.everyMs);
        break;
      case 'shadow':
        this.#desk.shadow.take(update.shadow);
        // That it is compared here is news.
        this.#reporter.soon();
        break;
    }
  }

  #takeTrust(update: Update<'trust'>): void {
    const { trust, taintedIssuers } = update;
    const before = this.#trust?.trust.own.jwtKeys.map(({ kid }) => kid).join();
    if (before !== trust.own.jwtKeys.map(({ kid }) => kid).join()) this.#jwts.clear();
    this.#trust = update;
    for (const { agent } of this.#workloads.values()) agent.trust(trust, taintedIssuers);
    this.#identities.setTrust(trust, taintedIssuers);
    this.#pool?.trust(trust.own);
    this.#link.setTrust(trust.own);
    this.#link.taint(taintedIssuers);
    // The control plane is back, or new: it hears at once what runs here.
    this.#reporter.soon();
  }

  /** How often the control plane wants to know what proxies count; 0: not. */
  #lookEvery(everyMs: number): void {
    this.#lookMs = everyMs;
    this.#cancelLook();
    if (everyMs === 0) return;
    this.#cancelLook = this.#options.clock.after(everyMs, () => {
      this.#reporter.soon();
      this.#lookEvery(everyMs);
    });
  }

  async #counters(): Promise<HostReport['counters']> {
    if (this.#lookMs === 0) return undefined;
    const all = [...this.#workloads].map(async ([workload, { agent }]) => {
      const counters = await agent.counters();
      return counters === undefined ? [] : [{ workload, counters }];
    });
    return (await Promise.all(all)).flat();
  }

  #clockJumped(jumpedMs: number): void {
    this.#jumpedAtMs = this.#options.clock.nowMs();
    const seconds = Math.round(jumpedMs / 1_000);
    this.#options.log.warn('the clock of this host jumped; renewals are planned anew', { seconds });
    for (const { agent } of this.#workloads.values()) agent.replan();
    this.#identities.pool.replan();
    this.#link.replan();
    this.#reporter.soon();
  }

  #changed(): void {
    this.#reporter.soon();
    this.#saveSoon();
  }

  #saveSoon(): void {
    this.#cancelSave ??= this.#options.clock.after(saveDelayMs, () => void this.#save());
  }

  /** What the disk does not take is kept once it does. */
  async #save(): Promise<void> {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    const { problem } = this.#cache;
    await this.#cache.write({
      trust: this.#trust,
      entries: this.#entries,
      policy: this.#desk.update,
      svids: this.#svids(),
      host: this.#hostIdentity,
      firstKeyPem: this.#firstKeyPem,
    });
    if (problem !== this.#cache.problem) this.#reporter.soon();
    if (this.#cache.problem === undefined) return;
    this.#cancelSave ??= this.#options.clock.after(saveAgainMs, () => void this.#save());
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

  async #requestJwt(service: string, audience: readonly string[]): Promise<JwtSvidReply> {
    const body = { service, audience };
    const call = { method: 'POST' as const, path: paths.jwtSvids, body };
    return (await this.#link.call(call)) as JwtSvidReply;
  }

  async #hostReport(): Promise<HostReport> {
    const agents = [...this.#workloads.values()].map(({ agent }) => agent);
    const [counters, use] = await Promise.all([this.#counters(), useReport(this.#workloads)]);
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
      presented: [...(await Promise.all(byProxies)).flat(), ...byProcesses, ...this.#ownIssuer()],
      health: hostHealth(this.#healthParts()),
      ...(counters === undefined ? {} : { counters }),
      ...(this.#applications === undefined ? {} : { applications: this.#applications }),
      ...use,
      ...this.#desk.report,
    };
  }

  #health(): AgentHealthReply {
    return agentHealth({ ...this.#healthParts(), trust: this.#trust?.trust.own });
  }

  #healthParts(): HealthParts {
    return {
      nowMs: this.#options.clock.nowMs(),
      link: this.#link.state,
      workloads: [...this.#workloads.values()].map(({ agent }) => ({
        holder: agent.workload.id,
        svidState: agent.svidState,
      })),
      pool: this.#identities.pool,
      jumpedAtMs: this.#jumpedAtMs,
      sealedBy: this.#cache.sealedBy,
      decisions: this.#desk.counts,
      troubles: this.#troubles,
    };
  }

  get #troubles(): readonly HostTrouble[] {
    const workloads = [...this.#workloads.values()].map(({ agent }) => agent);
    const own =
      this.#link.apart === undefined ? [] : [{ holder: hostHolder, reason: this.#link.apart }];
    return hostTroubles({
      apart: [...own, ...this.#identities.pool.apart],
      ...{ cache: this.#cache, desk: this.#desk.troubles, workloads },
      sockets: [...this.#sockets.all, ...workloads.flatMap(({ socket }) => socket ?? [])],
    });
  }

  /** The host's own certificate counts too: with one of an old CA it could not ask any more. */
  #ownIssuer(): HostReport['presented'] {
    const { state } = this.#link;
    if (state.kind !== 'joined' && state.kind !== 'overdue') return [];
    return [{ holder: hostHolder, issuerKeyId: state.identity.issuerKeyId }];
  }
}
