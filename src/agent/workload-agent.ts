import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { err, ok } from '../base/result.ts';
import type { Workload } from '../compile/inventory.ts';
import { EnvoyAdmin } from '../envoy/admin.ts';
import type { SvidReply } from '../serve/api/wire.ts';
import type { CheckHandler } from '../serve/authz/check-handler.ts';
import { checkMethod } from '../serve/authz/check-method.ts';
import { createGrpcServer, type GrpcServer } from '../serve/grpc/server.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import { XdsService } from '../serve/xds/service.ts';
import { type Health, watchHealth } from './health.ts';
import type { HostWorkload } from './host-file.ts';
import { secretsSnapshot } from './secrets.ts';
import { type Svid, SvidKeeper } from './svid-keeper.ts';

export interface WorkloadAgentOptions {
  readonly entry: HostWorkload;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly check: CheckHandler;
  readonly requestSvid: (csr: string, reason: 'first' | 'renewal') => Promise<SvidReply>;
  /** The workload took or left the state in which it may get requests. */
  readonly onChange: () => void;
}

export interface Trust {
  readonly trustDomain: string;
  readonly bundlePem: string;
}

const proxyProbeFastMs = 100;
const proxyProbeSteadyMs = 2_000;
const proxyProbeTimeoutMs = 1_000;

/**
 * One workload of this host: its socket (SDS and policy desk, nobody else's), its SVID, and whether it is ready.
 * The socket is the identity: it lies in a folder that only this workload's user may enter, and the kernel says
 * who connected.
 */
export class WorkloadAgent {
  readonly #options: WorkloadAgentOptions;
  readonly #sds: XdsService;
  readonly #server: GrpcServer;
  readonly #keeper: SvidKeeper;
  #health: Health = { kind: 'unknown', reason: 'not probed yet' };
  #proxyReady = false;
  #svid: Svid | undefined;
  #trust: Trust | undefined;
  #stops: (() => void)[] = [];

  constructor(options: WorkloadAgentOptions) {
    this.#options = options;
    const { clock, random, log, entry } = options;
    const { id, service } = entry.workload;
    this.#sds = new XdsService({
      clock,
      authorize: (peer) =>
        peer.kind === 'unix' && mayUse(peer.credentials.uid)
          ? ok(id)
          : err(new GrpcError(grpcStatus.permissionDenied, 'this socket belongs to another user')),
      onEvent: (event) => {
        if (event.kind === 'nacked')
          log.error('the proxy refused a secret', { workload: id, problem: event.message });
      },
    });
    this.#server = createGrpcServer({
      methods: [
        ...this.#sds.methods,
        checkMethod({ handler: options.check, serviceOf: () => service }),
      ],
      onError: (error, path) =>
        log.error('a call failed', { workload: id, path, problem: String(error) }),
    });
    this.#keeper = new SvidKeeper({
      clock,
      random,
      log,
      spiffeName: service,
      request: options.requestSvid,
      onSvid: (svid) => {
        this.#svid = svid;
        this.#publish();
        options.onChange();
      },
    });
  }

  /** As the control plane is to see it. */
  get workload(): Workload {
    const ready = this.#health.kind === 'healthy' && this.#proxyReady && this.#svid !== undefined;
    return { ...this.#options.entry.workload, state: ready ? 'ready' : 'unhealthy' };
  }

  async start(): Promise<void> {
    const { entry, clock, onChange } = this.#options;
    await this.#server.listenUnix(entry.agentSocket, 0o600);
    this.#keeper.start();
    this.#stops = [
      watchHealth({
        check: entry.health,
        port: entry.workload.appPort,
        clock,
        onChange: (health) => {
          this.#health = health;
          onChange();
        },
      }),
      this.#watchProxy(),
    ];
  }

  trust(trust: Trust): void {
    this.#trust = trust;
    this.#publish();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#keeper.stop();
    await this.#server.close();
  }

  #publish(): void {
    if (this.#svid === undefined || this.#trust === undefined) return;
    const { spiffeId, chainPem, privateKeyPem } = this.#svid;
    this.#sds.publish(
      this.#options.entry.workload.id,
      secretsSnapshot({
        spiffeId,
        trustDomain: this.#trust.trustDomain,
        certificateChainPem: chainPem,
        privateKeyPem,
        bundlePem: this.#trust.bundlePem,
      }),
    );
  }

  /** A proxy is ready when it has all it needs to serve: not when its process runs. */
  #watchProxy(): () => void {
    const { entry, clock, onChange } = this.#options;
    const admin = new EnvoyAdmin(
      { kind: 'socket', path: entry.adminSocket },
      { timeoutMs: proxyProbeTimeoutMs },
    );
    let stopped = false;
    let cancel = (): void => {};
    const round = async (): Promise<void> => {
      const state = await admin.ready();
      const ready = state.ok && state.value.ready;
      if (stopped) return;
      if (ready !== this.#proxyReady) {
        this.#proxyReady = ready;
        onChange();
      }
      const delayMs = ready ? proxyProbeSteadyMs : proxyProbeFastMs;
      cancel = clock.after(delayMs, () => void round());
    };
    void round();
    return () => {
      stopped = true;
      cancel();
    };
  }
}

function mayUse(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}
