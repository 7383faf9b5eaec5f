import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { watchClock } from '../base/clock-watch.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Trust } from '../identity/trust.ts';
import {
  type AgentHealthReply,
  type AgentUpdate,
  type JwtSvidReply,
  paths,
} from '../serve/api/wire.ts';
import { AgentSockets } from './agent-sockets.ts';
import { CacheWriter } from './cache-writer.ts';
import { ControlFeed } from './control-feed.ts';
import { ControlLink } from './control-link.ts';
import { type DeskAddress, DeskPool } from './desk-pool.ts';
import type { HostCache, Kept } from './host-cache.ts';
import { type HostFile, watchHostFile } from './host-file.ts';
import { HostIdentities } from './host-identities.ts';
import { type HostParts, healthReply, hostReport } from './host-report.ts';
import { HostWorkloads } from './host-workloads.ts';
import { JwtCache } from './jwt-cache.ts';
import type { HostIdentity, LinkState } from './link-state.ts';
import { PolicyDesk } from './policy-desk.ts';
import { Reporter } from './reporter.ts';
import { SvidRequests, selectorText } from './svid-requests.ts';

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

type Update<Kind extends AgentUpdate['kind']> = AgentUpdate & { readonly kind: Kind };

/** The agent of one host: identities, policy desk and readiness of its workloads. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #workloads: HostWorkloads;
  readonly #desk: PolicyDesk;
  readonly #pool: DeskPool | undefined;
  readonly #feed: ControlFeed;
  readonly #jwts: JwtCache;
  readonly #identities: HostIdentities;
  readonly #sockets: AgentSockets;
  readonly #writer: CacheWriter;
  readonly #kept: Kept;
  readonly #link: ControlLink;
  readonly #requests: SvidRequests;
  readonly #reporter: Reporter;
  #trust: Update<'trust'> | undefined;
  #entries: Update<'entries'> | undefined;
  #hostIdentity: HostIdentity | undefined;
  #firstKeyPem: string | undefined;
  #applications: HostFile['applications'];
  #jumpedAtMs: number | undefined;

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
    this.#kept = options.cache.kept;
    this.#writer = new CacheWriter({
      ...{ cache: options.cache, clock },
      held: () => this.#held(),
      onProblem: onNews,
    });
    this.#hostIdentity = this.#kept.host;
    this.#firstKeyPem = this.#kept.firstKeyPem;
    this.#link = this.#newLink();
    this.#feed = new ControlFeed({
      ...{ clock, random, log, link: this.#link },
      onUpdate: (update) => {
        this.#take(update);
        if (update.kind === 'policy') this.#pool?.heard();
      },
    });
    this.#requests = new SvidRequests(this.#link);
    this.#reporter = this.#newReporter();
    this.#jwts = new JwtCache(clock, (service, audience) => this.#requestJwt(service, audience));
    this.#workloads = new HostWorkloads({
      ...{ clock, random, log, check, shadow: this.#desk.shadow, jwts: this.#jwts },
      requestSvid: ({ id, service }, csr, reason) =>
        this.#requests.ask({ service, workload: id, csr, reason, selectors: 'socket' }),
      kept: this.#kept.svids,
      onChange: () => this.#changed(),
    });
    this.#identities = this.#newIdentities();
    const health = (): AgentHealthReply => healthReply(this.#parts);
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
    this.#link.stop();
    this.#reporter.stop();
    await this.#workloads.stop();
    this.#sockets.close();
    await this.#identities.close();
    await this.#pool?.close();
    await this.#desk.close();
  }

  stop(): void {
    this.#feed.stop();
  }

  #newLink(): ControlLink {
    const { clock, random, log } = this.#options;
    const { host, firstKeyPem, trust } = this.#kept;
    return new ControlLink({
      ...{ clock, random, log },
      kept: { identity: host, firstKeyPem, trust: trust?.trust.own },
      keep: async ({ identity, firstKeyPem }) => {
        if (identity !== undefined) this.#hostIdentity = identity;
        this.#firstKeyPem = identity === undefined ? firstKeyPem : undefined;
        await this.#writer.now();
      },
      onTrust: (trust: Trust) => this.#take({ kind: 'trust', trust, taintedIssuers: [] }),
      onState: (state) => this.#linkBecame(state),
    });
  }

  #newReporter(): Reporter {
    return new Reporter({
      clock: this.#options.clock,
      call: (call) => this.#link.call(call),
      report: async () => {
        const told = await this.#workloads.ask({ counters: this.#reporter.isLookedAt });
        return hostReport(this.#parts, told);
      },
      told: (heard) => {
        this.#workloads.wasHeard(heard);
        this.#desk.told(heard);
      },
    });
  }

  #newIdentities(): HostIdentities {
    const { clock, random, log } = this.#options;
    return new HostIdentities({
      ...{ clock, random, log, jwts: this.#jwts },
      requestSvid: ({ service, selectors }, csr, reason) =>
        this.#requests.ask({
          ...{ service, workload: 'a process', csr, reason },
          selectors: selectorText(selectors),
        }),
      kept: (spiffeId) => this.#kept.svids[spiffeId],
      onSvid: () => this.#changed(),
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
    this.#workloads.apply(host.workloads);
    this.#sockets.open(host);
    this.#reporter.soon();
  }

  #take(update: AgentUpdate): void {
    if (update.kind !== 'time') this.#writer.soon();
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
        this.#reporter.lookEvery(update.everyMs);
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
    this.#workloads.trust(trust, taintedIssuers);
    this.#identities.setTrust(trust, taintedIssuers);
    this.#pool?.trust(trust.own);
    this.#link.setTrust(trust.own);
    this.#link.taint(taintedIssuers);
    // The control plane is back, or new: it hears at once what runs here.
    this.#reporter.soon();
  }

  #clockJumped(jumpedMs: number): void {
    this.#jumpedAtMs = this.#options.clock.nowMs();
    const seconds = Math.round(jumpedMs / 1_000);
    this.#options.log.warn('the clock of this host jumped; renewals are planned anew', { seconds });
    this.#workloads.replan();
    this.#identities.pool.replan();
    this.#link.replan();
    this.#reporter.soon();
  }

  #changed(): void {
    this.#reporter.soon();
    this.#writer.soon();
  }

  #held(): Kept {
    return {
      trust: this.#trust,
      entries: this.#entries,
      policy: this.#desk.update,
      svids: this.#svids(),
      host: this.#hostIdentity,
      firstKeyPem: this.#firstKeyPem,
    };
  }

  /** All that is held; what was kept and not asked for yet stays. */
  #svids(): Kept['svids'] {
    const nowMs = this.#options.clock.nowMs();
    const kept = Object.entries(this.#kept.svids).filter(([, svid]) => svid.notAfterMs > nowMs);
    const pooled = this.#identities.pool.svids.map((svid) => [svid.spiffeId, svid] as const);
    return { ...Object.fromEntries(kept), ...this.#workloads.svids, ...Object.fromEntries(pooled) };
  }

  async #requestJwt(service: string, audience: readonly string[]): Promise<JwtSvidReply> {
    const body = { service, audience };
    const call = { method: 'POST' as const, path: paths.jwtSvids, body };
    return (await this.#link.call(call)) as JwtSvidReply;
  }

  get #parts(): HostParts {
    return {
      nowMs: this.#options.clock.nowMs(),
      ...{ link: this.#link, workloads: this.#workloads, pool: this.#identities.pool },
      ...{ cache: this.#options.cache, desk: this.#desk, sockets: this.#sockets },
      trust: this.#trust?.trust.own,
      jumpedAtMs: this.#jumpedAtMs,
      applications: this.#applications,
    };
  }
}
