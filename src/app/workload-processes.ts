import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type BootstrapOptions, proxyBootstrap } from '../agent/bootstrap.ts';
import type { Workload } from '../compile/inventory.ts';
import { controlPlaneId } from '../identity/spiffe-id.ts';
import type { TrustDomain } from '../model/types.ts';
import type { ChildSpec } from './child.ts';
import type { PlannedWorkload } from './host-plan.ts';
import { adminSocket, type Layout, proxyDir, workloadAgentSocket } from './layout.ts';

const proxyDrainSeconds = 10;
const accessLogFlushMs = 200;

interface WorkloadProcessOptions {
  readonly layout: Layout;
  readonly envoyPath: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The proxy of a workload of this machine; its bootstrap is written. */
export function proxySpec(
  { layout, envoyPath, env }: WorkloadProcessOptions,
  workload: Workload,
  mesh: {
    readonly servers: BootstrapOptions['controlPlane']['servers'];
    readonly trustDomain: TrustDomain;
  },
): ChildSpec {
  const dir = proxyDir(layout, workload.id);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const bootstrap = proxyBootstrap({
    workload: workload.id,
    service: workload.service,
    agentSocket: workloadAgentSocket(layout, workload.id),
    adminSocket: adminSocket(layout, workload.id),
    controlPlane: { servers: mesh.servers, spiffeId: controlPlaneId(mesh.trustDomain) },
  });
  writeFileSync(join(dir, 'bootstrap.pb'), bootstrap);
  return {
    name: `proxy ${workload.id}`,
    command: [
      ...[envoyPath, '-c', 'bootstrap.pb', '--disable-hot-restart', '--concurrency', '1'],
      ...['--log-level', 'warning', '--file-flush-interval-msec', String(accessLogFlushMs)],
      ...['--drain-time-s', String(proxyDrainSeconds)],
    ],
    cwd: dir,
    env: textEnv(env),
    logFile: join(layout.logsDir, `proxy-${workload.id}.log`),
  };
}

/** The application of a workload, as its `run:` line says, on this port. */
export function appSpec(
  { layout, env: own }: WorkloadProcessOptions,
  { workload, command, env }: PlannedWorkload,
  port: number,
): ChildSpec {
  const proxy = `http://127.0.0.1:${workload.egressPort}`;
  return {
    name: `app ${workload.id}`,
    command,
    cwd: layout.intentDir,
    env: {
      ...textEnv(own),
      PATH: searchPath(own),
      PORT: String(port),
      HTTP_PROXY: proxy,
      http_proxy: proxy,
      NO_PROXY: 'localhost,127.0.0.1',
      SERVICE_VERSION: workload.version,
      SPIFFE_ENDPOINT_SOCKET: `unix://${layout.workloadSocket}`,
      ...Object.fromEntries(env),
    },
    logFile: join(layout.logsDir, `app-${workload.id}.log`),
  };
}

/** `node` in a `run:` line is the Node that runs chancery, also where an older one is installed. */
export function searchPath(env: NodeJS.ProcessEnv): string {
  return [dirname(process.execPath), env['PATH'] ?? ''].join(delimiter);
}

export function textEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
