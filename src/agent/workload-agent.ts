import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { err, ok } from '../base/result.ts';
import type { Workload } from '../compile/inventory.ts';
import { EnvoyAdmin } from '../envoy/admin.ts';
import { workloadId } from '../identity/spiffe-id.ts';
import type { Trust } from '../identity/trust.ts';
import type { ProxyCounters } from '../rollout/signals.ts';
import type { SvidReason, SvidReply } from '../serve/api/wire.ts';
import type { CheckHandler } from '../serve/authz/check-handler.ts';
import { checkMethod } from '../serve/authz/check-method.ts';
import { type KeptSocket, keepSocket } from '../serve/grpc/kept-socket.ts';
import { createGrpcServer, type GrpcServer } from '../serve/grpc/server.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import { workloadApiMethods } from '../serve/workload/methods.ts';
import { XdsService } from '../serve/xds/service.ts';
import { type Health, watchHealth } from './health.ts';
import type { HostWorkload } from './host-file.ts';
import { IdentitySource, workloadSvid } from './identity-source.ts';
import type { JwtCache } from './jwt-cache.ts';
import { LogReader } from './log-reader.ts';
import { presentedSerial } from './presented.ts';
import { proxyCounters } from './proxy-counters.ts';
import { FlowRecorder } from './proxy-flows.ts';
import { ProxyTraffic } from './proxy-traffic.ts';
import { type ProxyStanding, type ProxyTrouble, watchProxy } from './proxy-watch.ts';
import { secretsSnapshot } from './secrets.ts';
import type { ShadowDesk } from './shadow-desk.ts';
import { makePrivateFolder } from './socket-folder.ts';
import { type Svid, SvidKeeper, type SvidState } from './svid-keeper.ts';

export interface WorkloadAgentOptions {
  readonly entry: HostWorkload;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly check: CheckHandler;
  readonly shadow: Pick<ShadowDesk, 'seen' | 'partial'>;
  readonly jwts: JwtCache;
  readonly requestSvid: (csr: string, reason: SvidReason) => Promise<SvidReply>;
  /** What was held before a restart. */
  readonly kept: Svid | undefined;
  /** The workload took or left the state in which it may get requests, or took a new bundle. */
  readonly onChange: () => void;
}

const proxyProbeTimeoutMs = 1_000;
/** Certificates whose issuer is remembered; a proxy presents the newest or the one before. */
const issuersMax = 8;

/**
 * One workload of this host: its socket (SDS, Workload API and policy desk, nobody else's), its SVID, and whether it is
 * ready. The socket is the identity: it lies in a folder that only this workload's user may enter, and the kernel says
 * who connected.
 */
export class WorkloadAgent {
  readonly #options: WorkloadAgentOptions;
  readonly #admin: EnvoyAdmin;
  /** What its proxy did. */
  readonly traffic: ProxyTraffic;
  /** Who came in to it; undefined: its log is not ours to read. */
  readonly flows: FlowRecorder | undefined;
  readonly #sds: XdsService;
  readonly #server: GrpcServer;
  readonly #keeper: SvidKeeper;
  readonly #source: IdentitySource;
  readonly #issuers = new Map<string, string>();
  #entry: HostWorkload;
  #health: Health = { kind: 'unknown', reason: 'not probed yet' };
  #proxy: ProxyStanding = { ready: false, trouble: undefined };
  #svid: Svid | undefined;
  #trust: Trust | undefined;
  #confirmedSequence = 0;
  #socket: KeptSocket | undefined;
  #isStopped = false;
  #stopHealth = (): void => {};
  #stopProxy = (): void => {};

  constructor(options: WorkloadAgentOptions) {
    this.#options = options;
    const { clock, random, log, entry } = options;
    this.#entry = entry;
    const { id, service } = entry.workload;
    this.#admin = new EnvoyAdmin(
      { kind: 'socket', path: entry.adminSocket },
      { timeoutMs: proxyProbeTimeoutMs },
    );
    this.traffic = new ProxyTraffic(this.#admin, clock);
    this.flows = this.#openFlows(entry.accessLog);
    this.#source = this.#openSource();
    this.#sds = this.#openSds();
    this.#server = createGrpcServer({
      methods: [
        ...this.#sds.methods,
        ...workloadApiMethods({ source: this.#source, clock }),
        checkMethod({ handler: options.check, serviceOf: () => service, proxy: id }),
      ],
      onError: (error, path) =>
        log.error('a call failed', { proxy: id, path, ...problemFields(error) }),
    });
    this.#keeper = new SvidKeeper({
      ...{ clock, random, log },
      spiffeName: service,
      request: options.requestSvid,
      kept: options.kept,
      onSvid: (svid) => this.#take(svid),
    });
  }

  /** As the control plane is to see it. */
  get workload(): Workload {
    const ready = this.#health.kind === 'healthy' && this.#proxy.ready && this.#svid !== undefined;
    return { ...this.#entry.workload, state: ready ? 'ready' : 'unhealthy' };
  }

  get socket(): KeptSocket | undefined {
    return this.#socket;
  }

  get proxyTrouble(): ProxyTrouble | undefined {
    return this.#proxy.trouble;
  }

  /** Why a certificate that came for it is of another time than the one that it has. */
  get apart(): string | undefined {
    return this.#keeper.apart;
  }

  get svidState(): SvidState {
    return this.#keeper.state;
  }

  /** The bundle that the proxy has taken; a proxy that is away takes the newest when it comes. */
  get confirmedSequence(): number {
    // An Envoy has a stream for each secret; what it did not ask for it does not use.
    const isTaken = this.#sds
      .resources(this.#options.entry.workload.id)
      .flat()
      .every(({ state }) => state === 'accepted' || state === 'not asked for');
    if (isTaken) this.#confirmedSequence = this.#trust?.own.sequence ?? 0;
    return this.#confirmedSequence;
  }

  /** Who signed what the workload presents. `look`: ask its proxy, not only what it was given. */
  async presentedIssuer(look: boolean): Promise<string | undefined> {
    const svid = this.#svid;
    if (svid === undefined || !look || !this.#proxy.ready) return svid?.issuerKeyId;
    const { address, ingressPort } = this.#options.entry.workload;
    const serial = await presentedSerial(address, ingressPort, svid);
    return serial === undefined ? svid.issuerKeyId : this.#issuers.get(serial);
  }

  /** Whether its proxy serves with a certificate that it got here. */
  async #presentsOwn(): Promise<boolean> {
    const svid = this.#svid;
    if (svid === undefined) return false;
    const { address, ingressPort } = this.#options.entry.workload;
    const serial = await presentedSerial(address, ingressPort, svid);
    return serial !== undefined && this.#issuers.has(serial);
  }

  async start(): Promise<void> {
    await this.#listen();
    this.#keeper.start();
    this.#watchHealth();
    const { clock, onChange } = this.#options;
    this.#stopProxy = watchProxy({
      ...{ admin: this.#admin, presents: () => this.#presentsOwn(), clock },
      onChange: (standing) => {
        this.#proxy = standing;
        onChange();
      },
    });
  }

  async #listen(): Promise<void> {
    const { clock, log, entry } = this.#options;
    const { agentSocket: socket } = entry;
    const makeFolder = (): void => makePrivateFolder(dirname(socket));
    makeFolder();
    this.#socket = await keepSocket({
      ...{ socket, of: "a workload's socket", makeFolder, clock, log },
      listen: () => this.#server.listenUnix(socket, 0o600),
    });
    if (this.#isStopped) this.#socket.close();
  }

  /** Its application listens elsewhere, or is asked otherwise; it counts as healthy for as long as it did not fail there. */
  look(entry: HostWorkload): void {
    const before = this.#entry;
    this.#entry = entry;
    if (JSON.stringify(before) !== JSON.stringify(entry)) this.#watchHealth();
  }

  #watchHealth(): void {
    const { clock, onChange } = this.#options;
    const { health: check, workload } = this.#entry;
    this.#stopHealth();
    this.#stopHealth = watchHealth({
      ...{ check, port: workload.appPort, clock, from: this.#health },
      onChange: (health) => {
        this.#health = health;
        onChange();
      },
    });
  }

  trust(trust: Trust, taintedIssuers: readonly string[]): void {
    // What the proxy has of the last bundle counts until it has taken this one.
    this.#confirmedSequence = this.confirmedSequence;
    this.#trust = trust;
    this.#publish();
    this.#keeper.taint(taintedIssuers);
  }

  /** What its proxy has counted; undefined while it does not answer. */
  counters(): Promise<ProxyCounters | undefined> {
    return proxyCounters(this.#admin);
  }

  replan(): void {
    this.#keeper.replan();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#socket?.close();
    this.#stopHealth();
    this.#stopProxy();
    this.#keeper.stop();
    await this.flows?.close();
    await this.#server.close();
  }

  #openFlows(accessLog: string | undefined): FlowRecorder | undefined {
    if (accessLog === undefined) return undefined;
    const { clock, shadow, entry } = this.#options;
    return new FlowRecorder(new LogReader(accessLog), clock, {
      seen: (request) => {
        const rule = request.verdict?.rule;
        if (rule !== undefined) this.traffic.met(rule);
        const { service, id: proxy } = entry.workload;
        shadow.seen({ service, proxy }, request);
      },
      partial: () => shadow.partial(),
    });
  }

  #openSds(): XdsService {
    const { clock, log, entry, onChange } = this.#options;
    const { id } = entry.workload;
    return new XdsService({
      clock,
      authorize: (peer) =>
        peer.kind === 'unix' && mayUse(peer.credentials.uid)
          ? ok(id)
          : err(new GrpcError(grpcStatus.permissionDenied, 'this socket belongs to another user')),
      onEvent: (event) => {
        if (event.kind === 'nacked') {
          log.error('the proxy refused a secret', { proxy: id, problem: event.message });
        }
        if (event.kind === 'acked') onChange();
      },
    });
  }

  /** For a process that the host cannot look at, such as one in a pid namespace of its own: the socket says who it is. */
  #openSource(): IdentitySource {
    const { clock, entry, jwts } = this.#options;
    const { service } = entry.workload;
    return new IdentitySource({
      clock,
      jwts,
      identify: async (peer) => {
        if (peer.kind !== 'unix' || !mayUse(peer.credentials.uid)) {
          return err('this socket belongs to another user');
        }
        const trustDomain = this.#trust?.own.trustDomain;
        if (trustDomain === undefined) return err('the trust domain is not known yet');
        const spiffeId = workloadId(trustDomain, service);
        return ok([{ spiffeId, service, selectors: [], hostSelectors: [], ttlSeconds: 0 }]);
      },
      svid: () => this.#svid,
      trust: () => this.#trust,
    });
  }

  #take(svid: Svid): void {
    this.#svid = svid;
    this.#issuers.set(svid.serial, svid.issuerKeyId);
    const [oldest] = this.#issuers.keys();
    if (this.#issuers.size > issuersMax && oldest !== undefined) this.#issuers.delete(oldest);
    this.#publish();
    this.#options.onChange();
  }

  #publish(): void {
    if (this.#svid === undefined || this.#trust === undefined) return;
    const view = {
      svids: [workloadSvid(this.#svid, this.#options.entry.workload.service)],
      trust: this.#trust,
    };
    this.#sds.publish(this.#options.entry.workload.id, secretsSnapshot(view));
    this.#source.refresh();
  }
}

function mayUse(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}
