import { grantKind } from '../../../src/app/breakglass/grants.ts';
import { verdictKind } from '../../../src/app/gate/verdicts.ts';
import { hostKind } from '../../../src/app/hosts/registry.ts';
import { revisionKind } from '../../../src/app/replicas/revision-store.ts';
import { throwawayCa } from '../../../src/app/verify/throwaway-ca.ts';
import { sleep } from '../../../src/base/clock.ts';
import type { WorkloadId } from '../../../src/compile/inventory.ts';
import type { Draw } from '../../../src/compile/random-mesh.fixture.ts';
import { workloadId } from '../../../src/identity/spiffe-id.ts';
import type { ServiceName, TrustDomain, VersionName } from '../../../src/model/types.ts';
import type { Peer } from '../../../src/serve/grpc/peer.ts';
import { FakeClock } from '../../xds/fake-clock.ts';
import { branchBack } from './branch-back.ts';
import { History } from './history.ts';
import { type Running, recordOf, SimHost } from './host.ts';
import { filesOf, firstSaid, harms, type Said, type SimService, services } from './intent.ts';
import { isWorkingElsewhere } from './other-threads.ts';
import { ProcessClock } from './process-clock.ts';
import { SimProxy } from './proxy.ts';
import type { MirrorDisk, RemoteState } from './remote.ts';
import { followRuns } from './runs.ts';
import { openServer, type ServerParts, type SimServer } from './server.ts';
import { MemoryStore, SharedMemory } from './shared-store.ts';
import { type SimVersion, versionOf } from './version.ts';

export const watchMs = 3_000;
const tickMs = 100;

const trustDomain = 'm.test' as TrustDomain;
const ca = throwawayCa(trustDomain);
const peers = new Map(
  services.map((service): [SimService, Peer] => {
    const { chainDer } = ca.svid(workloadId(trustDomain, service as unknown as ServiceName));
    return [service, { kind: 'tls', certificateDer: chainDer[0] ?? new Uint8Array() }];
  }),
);

interface WorldOptions {
  readonly replicas: number;
  /** Whether the branch is followed in a repository elsewhere. */
  readonly isRemote: boolean;
  /** How many operators it takes to grant access beside Git. */
  readonly approvals: number;
}

/** A mesh around a control plane: who made which commit, hosts, proxies, and all that may go wrong with them. */
export class CommitsWorld {
  readonly clock = new FakeClock();
  readonly history = new History();
  readonly said = new Map<string, Said>();
  readonly hosts: readonly SimHost[];
  /** Proxies that refuse what all others take. */
  readonly picky = new Set<string>();
  readonly lines: string[] = [];
  /** What must never happen, whoever is there to see it. */
  readonly failures: unknown[] = [];
  readonly fails = (error: unknown): void => void this.failures.push(error);
  readonly #draw: Draw;
  readonly #memory = new SharedMemory();
  readonly #away = new Map<string, number>();
  readonly #servers = new Map<number, SimServer>();
  /** Processes, also those that are not up yet. */
  readonly #processes = new Map<
    number,
    { readonly clock: ProcessClock; readonly store: MemoryStore }
  >();
  /** When those that ended are started again. */
  readonly #startsMs = new Map<number, number>();
  readonly #ports: readonly number[];
  #gateMs = 0;
  /** Since when what is written is so at once; a wall clock that moves makes two times of one. */
  storeQuietSinceMs = 0;
  #servedMs = 0;
  /** What is started from now on. */
  version: SimVersion = versionOf(1, 'api');
  isTimeClear = true;
  /** When a control plane came, went, or began to lead last. */
  #movedMs = 0;
  #leader: SimServer | undefined;
  /** Where the branch is elsewhere; undefined: in a folder. */
  readonly remote: RemoteState | undefined;
  readonly #disks = new Map<number, MirrorDisk>();
  /** What is wrong with the way to the branch. */
  pushFails = false;
  #workloads = 0;

  constructor(draw: Draw, { replicas, isRemote }: Pick<WorldOptions, 'replicas' | 'isRemote'>) {
    this.#draw = draw;
    this.remote = isRemote ? { isAway: false, isBranchGone: false, fetchMs: 0 } : undefined;
    this.#ports = Array.from({ length: replicas }, (_, index) => index);
    const delayMs = (): number => draw(4) * tickMs;
    this.hosts = ['h1', 'h2', 'h3'].map((name) => new SimHost(name, this.clock, delayMs));
  }

  static async open(draw: Draw, options: WorldOptions): Promise<CommitsWorld> {
    const { approvals } = options;
    const world = new CommitsWorld(draw, options);
    world.#memory.leaderKinds = new Set([revisionKind, 'intent', verdictKind, grantKind]);
    const records = world.#memory.kind(hostKind);
    for (const { name } of world.hosts) {
      records.set(name, { version: 1, value: Buffer.from(JSON.stringify(recordOf(name))) });
    }
    for (let n = 0; n < 5; n += 1) world.come(services[n % 2] ?? 'api');
    world.commit({ ...firstSaid, approvals }, 'the first');
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

  /** All control planes are there, one leads, and what is written is so at once, for so long. */
  isQuietFor(ms: number): boolean {
    const sinceMs = Math.max(this.storeQuietSinceMs, this.#movedMs);
    return this.isUp && this.clock.monotonicMs() - sinceMs >= ms;
  }

  get running(): readonly Running[] {
    return this.hosts.flatMap(({ running }) => [...running.values()]);
  }

  say(line: string): void {
    this.lines.push(`${this.timeText(this.clock.monotonicMs())} ${line}`);
  }

  timeText(ms: number): string {
    return ((ms - 1_000_000) / 1_000).toFixed(1);
  }

  /** The wall clock is set: from then on the ledger tells of two times as of one. */
  jump(byMs: number): void {
    this.say(`the wall clock jumps by ${byMs} ms`);
    this.clock.jump(byMs);
    this.isTimeClear = false;
  }

  /** Whoever is not up, and does not wait to be. */
  async start(): Promise<void> {
    for (const port of this.#ports) {
      const isDue = (this.#startsMs.get(port) ?? 0) <= this.clock.monotonicMs();
      if (this.#processes.has(port) || !isDue) continue;
      const clock = new ProcessClock(this.clock);
      const { isAway } = this.#memory;
      const store = new MemoryStore(this.#memory, {
        ...{ clock, isShared: this.#ports.length > 1 },
        onCrash: () => {
          this.say(`${port} crashes`);
          this.kill(port);
        },
      });
      this.#processes.set(port, { clock, store });
      openServer(this.#serverParts(port, { clock, store })).then(
        (server) => {
          this.#movedMs = this.clock.monotonicMs();
          this.#servers.set(port, server);
        },
        (error: unknown) => {
          // It ends with an error, as without its store; its supervisor starts it again.
          this.say(`${port} does not start: ${(error as Error).message}`);
          if (!isAway && !this.#memory.isAway) this.failures.push(error);
          this.kill(port);
        },
      );
      await this.idle();
    }
  }

  /** As SIGKILL: nothing is said or written any more. */
  kill(port = this.server.port): void {
    const server = this.#servers.get(port);
    const process = this.#processes.get(port);
    process?.clock.kill();
    process?.store.kill();
    this.#servers.delete(port);
    this.#processes.delete(port);
    this.#movedMs = this.clock.monotonicMs();
    for (const { proxy } of this.running) if (proxy.isAt(server)) proxy.disconnect();
    for (const host of this.hosts) if (host.isAt(server)) host.disconnect();
    const delayMs = this.#ports.length === 1 ? 0 : this.#draw(20) * 500;
    this.#startsMs.set(port, this.clock.monotonicMs() + delayMs);
  }

  end(): void {
    for (const port of [...this.#processes.keys()]) this.kill(port);
  }

  #serverParts(port: number, process: Pick<ServerParts, 'clock' | 'store'>): ServerParts {
    const { history } = this;
    const draw = this.#draw;
    const say = (level: string) => (text: string, fields?: object) => {
      const line = `  ${level}: ${text} ${JSON.stringify(fields ?? {})}`;
      if (this.lines.at(-1)?.endsWith(line) !== true) this.say(line.slice(0, 300));
    };
    return {
      ...{ ...process, history, port, watchMs, remote: this.remote, disk: this.#diskOf(port) },
      version: this.version,
      random: {
        bytes: (length) => Uint8Array.from({ length }, () => draw(256)),
        fraction: () => draw(1_000) / 1_000,
      },
      log: { info: () => {}, warn: say('warn'), error: say('error') },
      envoy: {
        name: 'envoy',
        onErrors: 'refuse',
        check: async () => {
          if (this.#gateMs > 0) await sleep(process.clock, this.#gateMs);
          return [];
        },
      },
      noticeMs: () => this.#draw(4) * tickMs,
      takeBack: branchBack(this, () => this.#draw(8) * tickMs),
    };
  }

  #diskOf(port: number): MirrorDisk {
    const known = this.#disks.get(port) ?? { accepted: undefined };
    this.#disks.set(port, known);
    return known;
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

  /** Whoever comes to its so manieth moment at the store from now ends there; undefined: nobody does. */
  crashAfter(moments: number | undefined): void {
    this.#memory.momentsLeft = moments;
  }

  get mayCrash(): boolean {
    return this.#memory.momentsLeft !== undefined;
  }

  /** What the store holds, without the way there. */
  get stored(): MemoryStore {
    return new MemoryStore(this.#memory, { isShared: false });
  }

  /** How long each way to the store takes from now on, at most. */
  slowStore(mostMs: number): void {
    const draw = this.#draw;
    this.storeQuietSinceMs = mostMs === 0 ? this.clock.monotonicMs() : Number.POSITIVE_INFINITY;
    this.#memory.wayMs = () => (mostMs === 0 || draw(3) > 0 ? 0 : draw(mostMs));
  }

  set storeIsAway(isAway: boolean) {
    if (this.#memory.isAway && !isAway) this.storeQuietSinceMs = this.clock.monotonicMs();
    this.#memory.isAway = isAway;
    if (isAway) this.storeQuietSinceMs = Number.POSITIVE_INFINITY;
  }

  /** What was written without the epoch of who leads, and must not be. */
  get unfenced(): readonly string[] {
    return this.#memory.unfenced;
  }

  get storeIsAway(): boolean {
    return this.#memory.isAway;
  }

  /** Another instance of the first version; of another version there is one. */
  come(service: SimService, version = 'v1'): void {
    this.#workloads += 1;
    const name = version === 'v1' ? this.#workloads : version;
    const id = `${service}-${name}` as WorkloadId;
    const isPicky = version === 'v1' && this.#draw(8) === 0;
    if (isPicky) this.picky.add(id);
    const host = this.hosts[this.#workloads % this.hosts.length];
    const port = 20_000 + 10 * this.#workloads;
    host?.running.set(id, {
      workload: {
        ...{ id, service: service as unknown as ServiceName, version: version as VersionName },
        ...{ host: host.name, address: '127.0.0.1', state: 'ready' },
        ...{ egressPort: port, ingressPort: port + 1, appPort: port + 2 },
      },
      proxy: new SimProxy(id, this.clock, {
        delayMs: () => (this.#draw(5) === 0 ? this.#draw(20) : this.#draw(3)) * tickMs,
        refuses: isPicky ? [...harms.refuses, harms.picky] : harms.refuses,
      }),
    });
    this.say(`${id} comes${isPicky ? ', and is picky' : ''}`);
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

  async pass(ms: number, check: () => void = () => {}): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += tickMs) {
      this.clock.advance(tickMs);
      await this.start();
      followRuns(this);
      this.#connect();
      await this.idle();
      if (this.clock.monotonicMs() - this.#servedMs >= 1_000) {
        this.#servedMs = this.clock.monotonicMs();
        for (const host of this.hosts) {
          host.serve(harms);
          host.use();
          host.report();
        }
        await this.idle();
      }
      const leader = this.isUp ? this.server : undefined;
      if (leader !== this.#leader) this.#movedMs = this.clock.monotonicMs();
      this.#leader = leader;
      if (this.isUp) check();
      await this.idle();
    }
  }

  /** Each to any replica that is there, and to another one after the next loss. */
  #connect(): void {
    const { servers } = this;
    if (servers.length === 0) return;
    const any = (): SimServer | undefined => servers[this.#draw(servers.length)];
    for (const host of this.hosts) {
      if (host.isConnected || this.#isAway(host.name)) continue;
      const server = any();
      if (server !== undefined) host.connect(server);
    }
    for (const { proxy, workload } of this.running) {
      if (proxy.isConnected || this.#isAway(proxy.id)) continue;
      const peer = peers.get(workload.service as unknown as SimService);
      const server = any();
      if (server !== undefined && peer !== undefined) proxy.connect(server, peer);
    }
  }

  /** Nothing goes on any more that waits for no time to pass. */
  async idle(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < 3 && turns < 2_000; turns += 1) {
      await new Promise<void>((done) => setImmediate(done));
      quiet = isWorkingElsewhere() ? 0 : quiet + 1;
    }
  }
}
