import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tetherPrefix } from '../../src/app/child.ts';
import { systemClock } from '../../src/base/clock.ts';
import { ok } from '../../src/base/result.ts';
import { accessLogFile } from '../../src/compile/names.ts';
import { refusedFrom } from '../../src/compile/refused-parts.ts';
import type { Snapshot } from '../../src/compile/resource.ts';
import { EnvoyAdmin } from '../../src/envoy/admin.ts';
import { resolveEnvoy } from '../../src/envoy/resolve.ts';
import type { Method } from '../../src/serve/grpc/method.ts';
import { createGrpcServer, type GrpcServer } from '../../src/serve/grpc/server.ts';
import type { XdsEvent } from '../../src/serve/xds/events.ts';
import { XdsService } from '../../src/serve/xds/service.ts';
import { eventually } from './running-mesh.ts';

const proxy = 'p';

/** One Envoy that gets all it has from an XdsService of ours, over a unix socket; the service can be replaced. */
export class XdsEnvoy {
  readonly events: XdsEvent[] = [];
  readonly admin: EnvoyAdmin;
  readonly #dir = mkdtempSync(join(tmpdir(), 'xds-envoy-'));
  #service = this.#newService();
  #server: GrpcServer | undefined;
  #envoy: ChildProcess | undefined;
  #output = '';
  readonly #agentMethods: readonly Method[];
  #agent: GrpcServer | undefined;

  /** `agent`: what its agent answers; the cluster of the agent is there with it only. */
  constructor({ agent = [] }: { readonly agent?: readonly Method[] } = {}) {
    this.#agentMethods = agent;
    this.admin = new EnvoyAdmin({ kind: 'socket', path: join(this.#dir, 'admin.sock') });
  }

  get service(): XdsService {
    return this.#service;
  }

  #newService(): XdsService {
    return new XdsService({
      refusedFrom,
      clock: systemClock,
      authorize: (_peer, node) => ok(node.id),
      onEvent: (event) => this.events.push(event),
    });
  }

  /** A control plane that knows nothing of any before it. */
  async serve(snapshot: Snapshot, onDemand?: Snapshot): Promise<void> {
    this.#service = this.#newService();
    this.publish(snapshot, onDemand);
    const { methods } = this.#service;
    this.#server = createGrpcServer({
      methods,
      onError: (error) => {
        throw error;
      },
    });
    await this.#server.listenUnix(join(this.#dir, 'xds.sock'), 0o600);
  }

  async stopServing(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  async start(): Promise<void> {
    const { path } = await resolveEnvoy({ env: process.env, onProgress: () => {} });
    const config = join(this.#dir, 'envoy.json');
    writeFileSync(config, JSON.stringify(bootstrap(this.#dir, this.#agentMethods.length > 0)));
    await this.#serveAgent();
    const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--drain-time-s', '1'];
    const [program = '', ...args] = [...tetherPrefix(), path, '-c', config, '-l', 'warn', ...flags];
    this.#envoy = spawn(program, args, { cwd: this.#dir, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#envoy.stderr?.on('data', (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-8_000);
    });
    await this.settled();
  }

  async #serveAgent(): Promise<void> {
    if (this.#agentMethods.length === 0) return;
    this.#agent = createGrpcServer({
      methods: this.#agentMethods,
      onError: (error) => {
        throw error;
      },
    });
    await this.#agent.listenUnix(join(this.#dir, 'agent.sock'), 0o600);
  }

  /** What compiled listeners log. */
  get accessLog(): string {
    return join(this.#dir, accessLogFile);
  }

  publish(snapshot: Snapshot, onDemand?: Snapshot): void {
    this.#service.publish(proxy, snapshot, onDemand);
  }

  /** Resolves when the Envoy has taken or refused all; returns how long that took. */
  async settled(withinMs = 10_000): Promise<number> {
    const startMs = performance.now();
    await eventually(
      () => this.#service.status(proxy).converged,
      withinMs,
      () => `${JSON.stringify(this.#service.status(proxy))}\n${this.#output}`,
    );
    return performance.now() - startMs;
  }

  async publishAndSettle(snapshot: Snapshot, withinMs?: number): Promise<number> {
    this.publish(snapshot);
    return this.settled(withinMs);
  }

  async stat(name: string): Promise<number> {
    const stats = await this.admin.stats(`^${name}$`);
    if (!stats.ok) throw new Error(JSON.stringify(stats.error));
    return stats.value.get(name) ?? 0;
  }

  async stop(): Promise<void> {
    const envoy = this.#envoy;
    if (envoy !== undefined && envoy.exitCode === null && envoy.signalCode === null) {
      const gone = new Promise((resolve) => envoy.once('exit', resolve));
      envoy.kill('SIGKILL');
      await gone;
    }
    await this.stopServing();
    await this.#agent?.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function bootstrap(dir: string, hasAgent: boolean) {
  const pipe = (name: string) => ({ pipe: { path: join(dir, name) } });
  const http2 = { explicit_http_config: { http2_protocol_options: {} } };
  const protocol = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const cluster = (name: string, socket: string) => ({
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type': protocol, ...http2 },
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: pipe(socket) } }] }],
    },
  });
  const ads = { resource_api_version: 'V3', ads: {} };
  const retry = { retry_back_off: { base_interval: '0.1s', max_interval: '1s' } };
  return {
    node: { id: proxy, cluster: 'test' },
    admin: { address: pipe('admin.sock') },
    // As the bootstrap of a mesh has it.
    stats_flush_on_admin: true,
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds', retry_policy: retry } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      clusters: [cluster('xds', 'xds.sock'), ...(hasAgent ? [cluster('agent', 'agent.sock')] : [])],
    },
  };
}

/** An application that says its name. Returns its port and what stops it. */
export async function backend(name: string): Promise<readonly [number, () => void]> {
  const server = http.createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return [(server.address() as AddressInfo).port, stop];
}

/** Status and body of one request on a connection of its own, or on the agent's. Status 0: the connection failed. */
export function get(
  port: number,
  options: { readonly agent?: http.Agent; readonly headers?: Record<string, string> } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/', ...options }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString('utf8');
      });
      response.once('end', () => resolve(`${response.statusCode} ${body}`.slice(0, 60)));
      response.once('error', () => resolve('0 cut'));
    });
    request.once('error', (error) => resolve(`0 ${error.message}`));
  });
}
