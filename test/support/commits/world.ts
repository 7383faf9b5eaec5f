import { hostKind } from '../../../src/app/hosts/registry.ts';
import { throwawayCa } from '../../../src/app/verify/throwaway-ca.ts';
import type { Clock } from '../../../src/base/clock.ts';
import { sleep } from '../../../src/base/clock.ts';
import { err } from '../../../src/base/result.ts';
import type { WorkloadId } from '../../../src/compile/inventory.ts';
import type { Draw } from '../../../src/compile/random-mesh.fixture.ts';
import { remoteUnreachable } from '../../../src/git/remote-findings.ts';
import { workloadId } from '../../../src/identity/spiffe-id.ts';
import type { ServiceName, TrustDomain, VersionName } from '../../../src/model/types.ts';
import type { Peer } from '../../../src/serve/grpc/peer.ts';
import { FakeClock } from '../../xds/fake-clock.ts';
import { History } from './history.ts';
import { type Running, recordOf, SimHost } from './host.ts';
import {
  filesOf,
  firstSaid,
  harmKinds,
  harms,
  type Said,
  type SimService,
  services,
} from './intent.ts';
import { SimProxy } from './proxy.ts';
import { openServer, type ServerParts, type SimServer } from './server.ts';
import { SharedMemory } from './shared-store.ts';
import { type SimVersion, versionOf } from './version.ts';

export const watchMs = 3_000;
const tickMs = 100;
/** As `retryMs` of what waits for the store. */
const retryMs = 500;

const trustDomain = 'm.test' as TrustDomain;
const ca = throwawayCa(trustDomain);
const peers = new Map(
  services.map((service): [SimService, Peer] => {
    const { chainDer } = ca.svid(workloadId(trustDomain, service as unknown as ServiceName));
    return [service, { kind: 'tls', certificateDer: chainDer[0] ?? new Uint8Array() }];
  }),
);

/** A mesh around a control plane: who made which commit, hosts, proxies, and all that may go wrong with them. */
export class CommitsWorld {
  readonly clock = new FakeClock();
  readonly history = new History();
  readonly said = new Map<string, Said>();
  readonly hosts: readonly SimHost[];
  readonly lines: string[] = [];
  readonly #draw: Draw;
  readonly #memory = new SharedMemory();
  readonly #away = new Map<string, number>();
  readonly #servers = new Map<number, SimServer>();
  /** When those that ended are started again. */
  readonly #startsMs = new Map<number, number>();
  readonly #ports: readonly number[];
  #sleeping = 0;
  #gateMs = 0;
  #servedMs = 0;
  /** What is started from now on. */
  version: SimVersion = versionOf(1, 'api', harmKinds.length);
  /** What is wrong with the way to the branch. */
  pushFails = false;
  #workloads = 0;

  constructor(draw: Draw, replicas: number) {
    this.#draw = draw;
    this.#ports = Array.from({ length: replicas }, (_, index) => index);
    const delayMs = (): number => draw(4) * tickMs;
    this.hosts = ['h1', 'h2', 'h3'].map((name) => new SimHost(name, this.clock, delayMs));
  }

  static async open(draw: Draw, replicas: number): Promise<CommitsWorld> {
    const world = new CommitsWorld(draw, replicas);
    const records = world.#memory.kind(hostKind);
    for (const { name } of world.hosts) {
      records.set(name, { version: 1, value: Buffer.from(JSON.stringify(recordOf(name))) });
    }
    for (let n = 0; n < 5; n += 1) world.come(services[n % 2] ?? 'api');
    world.commit(firstSaid, 'the first');
    await world.start();
    return world;
  }

  get head(): { readonly id: string; readonly said: Said } {
    const { id } = this.history.head;
    return { id, said: this.saidBy(id) };
  }

  saidBy(commit: string): Said {
    const said = this.said.get(commit);
    if (said === undefined) throw new Error(`nobody knows what ${commit} says`);
    return said;
  }

  /** The one that leads. */
  get server(): SimServer {
    const leads = this.servers.find(({ replica }) => replica.isLeading);
    if (leads === undefined) throw new Error('no control plane leads');
    return leads;
  }

  get servers(): readonly SimServer[] {
    return [...this.#servers.values()];
  }

  get isUp(): boolean {
    return this.servers.some(({ replica }) => replica.isLeading);
  }

  get running(): readonly Running[] {
    return this.hosts.flatMap(({ running }) => [...running.values()]);
  }

  say(line: string): void {
    this.lines.push(`${((this.clock.monotonicMs() - 1_000_000) / 1_000).toFixed(1)} ${line}`);
  }

  /** Whoever is not up, and does not wait to be. */
  async start(): Promise<void> {
    for (const port of this.#ports) {
      const isDue = (this.#startsMs.get(port) ?? 0) <= this.clock.monotonicMs();
      if (this.#servers.has(port) || !isDue) continue;
      this.crashAfter = undefined;
      this.storeIsAway = false;
      this.#servers.set(port, await openServer(this.#serverParts(port)));
      await this.idle();
    }
  }

  /** As SIGKILL: nothing is said or written any more. */
  kill(port = this.server.port): void {
    const server = this.#servers.get(port);
    server?.kill();
    this.#servers.delete(port);
    for (const { proxy } of this.running) if (proxy.isAt(server)) proxy.disconnect();
    for (const host of this.hosts) if (host.isAt(server)) host.disconnect();
    const delayMs = this.#ports.length === 1 ? 0 : this.#draw(20) * 500;
    this.#startsMs.set(port, this.clock.monotonicMs() + delayMs);
  }

  end(): void {
    for (const { clock, kill } of this.servers) {
      kill();
      clock.kill();
    }
  }

  #serverParts(port: number): ServerParts {
    const { clock, history } = this;
    const say = (level: string) => (text: string, fields?: object) => {
      const line = `  ${level}: ${text} ${JSON.stringify(fields ?? {})}`;
      if (this.lines.at(-1)?.endsWith(line) !== true) this.say(line.slice(0, 300));
    };
    return {
      ...{ clock, history, memory: this.#memory, port, watchMs, version: this.version },
      isShared: this.#ports.length > 1,
      onCrash: () => {
        this.say(`${port} crashes`);
        this.kill(port);
      },
      log: { info: () => {}, warn: say('warn'), error: say('error') },
      envoy: {
        name: 'envoy',
        onErrors: 'refuse',
        check: async () => {
          if (this.#gateMs > 0) await this.#sleep(clock, this.#gateMs);
          return [];
        },
      },
      noticeMs: () => this.#draw(4) * tickMs,
      takeBack: async (request, own) => {
        await sleep(own, this.#draw(8) * tickMs);
        if (this.pushFails) return err(remoteUnreachable('https://git.test/', 'it is away'));
        const { head } = this.history;
        const done = this.history.takeBack(request);
        this.say(
          `  taken back ${request.from.slice(0, 8)} to ${request.to.slice(0, 8)}: ${JSON.stringify(done).slice(0, 90)}`,
        );
        const said = this.said.get(request.to);
        if (this.history.head !== head && said !== undefined) {
          this.said.set(this.history.head.id, said);
        }
        return done;
      },
    };
  }

  async #sleep(clock: Clock, ms: number): Promise<void> {
    this.#sleeping += 1;
    await sleep(clock, ms);
    this.#sleeping -= 1;
  }

  commit(said: Said, message: string): string {
    const { id } = this.history.commit(filesOf(said), message);
    this.said.set(id, said);
    this.say(`commit ${id.slice(0, 8)} ${message.split('\n')[0]}`);
    return id;
  }

  /** How long the gate takes from now on. */
  slowGate(ms: number): void {
    this.#gateMs = ms;
  }

  set crashAfter(writes: number | undefined) {
    this.#memory.writesLeft = writes;
  }

  get crashAfter(): number | undefined {
    return this.#memory.writesLeft;
  }

  set storeIsAway(isAway: boolean) {
    this.#memory.isAway = isAway;
  }

  get storeIsAway(): boolean {
    return this.#memory.isAway;
  }

  come(service: SimService): void {
    this.#workloads += 1;
    const host = this.hosts[this.#workloads % this.hosts.length];
    const id = `${service}-${this.#workloads}` as WorkloadId;
    const port = 20_000 + 10 * this.#workloads;
    host?.running.set(id, {
      workload: {
        ...{ id, service: service as unknown as ServiceName, version: 'v1' as VersionName },
        ...{ host: host.name, address: '127.0.0.1', state: 'ready' },
        ...{ egressPort: port, ingressPort: port + 1, appPort: port + 2 },
      },
      proxy: new SimProxy(id, this.clock, {
        delayMs: () => (this.#draw(5) === 0 ? this.#draw(20) : this.#draw(3)) * tickMs,
        refuses: harms.refuses,
      }),
    });
    this.say(`${id} comes`);
  }

  leave(id: string): void {
    this.say(`${id} leaves`);
    for (const host of this.hosts) {
      const one = host.running.get(id);
      one?.proxy.disconnect();
      host.forget(id);
    }
  }

  /** All are of it in the end, one after the other, or with 0 all at once. */
  async upgrade(version: SimVersion, betweenMs: number): Promise<void> {
    this.version = version;
    this.say(`version ${version.name} with ${version.text} for ${version.service}`);
    for (const port of this.#ports) {
      if (!this.#servers.has(port)) continue;
      this.kill(port);
      if (betweenMs > 0) await this.pass(betweenMs);
    }
    this.#startsMs.clear();
    await this.start();
  }

  /** A proxy, or the agent of a host, has no control plane for so long. */
  away(name: string, ms: number): void {
    this.say(`${name} is away for ${ms} ms`);
    this.#away.set(name, this.clock.monotonicMs() + ms);
    for (const { proxy } of this.running) if (proxy.id === name) proxy.disconnect();
    for (const host of this.hosts) if (host.name === name) host.disconnect();
  }

  #isAway(name: string): boolean {
    return (this.#away.get(name) ?? 0) > this.clock.monotonicMs();
  }

  async pass(ms: number, check: () => Promise<void> = async () => {}): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += tickMs) {
      this.clock.advance(tickMs);
      await this.start();
      this.#connect();
      await this.idle();
      if (this.clock.monotonicMs() - this.#servedMs >= 1_000) {
        this.#servedMs = this.clock.monotonicMs();
        for (const host of this.hosts) {
          host.serve(harms);
          await host.report();
        }
        await this.idle();
      }
      if (this.isUp) await check();
    }
  }

  #connect(): void {
    const { servers } = this;
    for (const [index, host] of this.hosts.entries()) {
      const server = servers[index % servers.length];
      if (server === undefined || host.isConnected || this.#isAway(host.name)) continue;
      host.connect(server);
    }
    for (const [index, { proxy, workload }] of this.running.entries()) {
      const server = servers[index % servers.length];
      const peer = peers.get(workload.service as unknown as SimService);
      if (server === undefined || peer === undefined) continue;
      if (!proxy.isConnected && !this.#isAway(proxy.id)) proxy.connect(server, peer);
    }
  }

  /** Nothing goes on any more that waits for no time to pass. */
  async idle(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < 3 && turns < 2_000; turns += 1) {
      await new Promise<void>((done) => setImmediate(done));
      quiet = this.#isBusy() ? 0 : quiet + 1;
    }
  }

  /** A commit is compressed on another thread. */
  #isBusy(): boolean {
    if (this.servers.some(({ isTaking }) => isTaking)) return true;
    if (!this.isUp || this.#sleeping > 0) return false;
    const { verdicts, clock } = this.server;
    const isChecking = verdicts.all.some(({ verdict }) => verdict.kind === 'checking');
    return isChecking && !clock.isPlanned(retryMs);
  }
}
