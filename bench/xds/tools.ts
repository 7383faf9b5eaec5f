import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../test/support/free-port.ts';
import { progress } from '../line.ts';

const built = resolve('node_modules/.cache/xds-bench');
/** Ten wall times of the longest run; what takes longer hangs. */
const runTimeoutMs = 300_000;
const reportBytesMax = 16 * 1024 * 1024;

/** A server under test, and how the swarm reaches it. */
export interface Target {
  readonly process: ChildProcess;
  readonly port: number;
  readonly triggersPort: number;
  /** What the swarm watches: the endpoints of a service, the egress routes of all. */
  readonly endpointsOf: (service: string) => string;
  readonly egressRoutes: string;
}

/** One run of the swarm: its figures by name. */
export type Run = Readonly<Record<string, number>>;

type Tool = 'xds-swarm' | 'gcp-baseline';

/** Builds what is asked for. False where Go or the sources are missing, which is said. */
export function buildTools(tools: readonly Tool[]): boolean {
  const sources = resolve(process.env['XDS_BENCH_TOOLS'] ?? '../shared/tools');
  if (!existsSync(join(sources, 'xds-swarm'))) {
    progress(`nothing is measured: there is no ${sources}/xds-swarm (XDS_BENCH_TOOLS says where)`);
    return false;
  }
  if (spawnSync('go', ['version']).status !== 0) {
    progress('nothing is measured: swarm and baseline are built with Go, which is missing');
    return false;
  }
  mkdirSync(built, { recursive: true });
  return tools.every((tool) => {
    progress(`building ${tool}`);
    const { status } = spawnSync('go', ['build', '-o', join(built, tool), '.'], {
      cwd: join(sources, tool),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (status !== 0) progress(`nothing is measured: ${tool} does not build`);
    return status === 0;
  });
}

export async function startOurs(certificates: string): Promise<Target> {
  const child = spawn(process.execPath, ['bench/xds/server.ts', certificates], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const ports = JSON.parse(line) as { readonly port: number; readonly triggersPort: number };
    return {
      process: child,
      ...ports,
      endpointsOf: (service) => `${service}/v1`,
      egressRoutes: 'egress',
    };
  }
  throw new Error('our server ended before it listened');
}

export async function startBaseline(certificates: string): Promise<Target> {
  const port = await freePort();
  const triggersPort = await freePort();
  const args = ['-addr', `127.0.0.1:${port}`, '-triggers', `127.0.0.1:${triggersPort}`];
  const tls = ['-cert', 'server.pem', '-key', 'server.key', '-ca', 'ca.pem'];
  const child = spawn(join(built, 'gcp-baseline'), [...args, ...tls], {
    cwd: certificates,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // It says where it listens, with its pid.
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.includes('triggers on')) break;
  }
  child.stderr.resume();
  return {
    process: child,
    port,
    triggersPort,
    endpointsOf: (service) => service,
    egressRoutes: 'egress-*',
  };
}

/** Runs the swarm against one server. */
export async function swarm(
  target: Target,
  certificates: string,
  args: readonly string[],
): Promise<readonly Run[]> {
  const common = [
    ...['-addr', `127.0.0.1:${target.port}`, '-server-pid', String(target.process.pid)],
    ...['-tls', '-ca', join(certificates, 'ca.pem'), '-cert', join(certificates, 'node-%d.pem')],
    ...['-key', join(certificates, 'node-%d.key')],
  ];
  const report = await new Promise<string>((done, failed) => {
    const options = { timeout: runTimeoutMs, maxBuffer: reportBytesMax };
    execFile(join(built, 'xds-swarm'), [...args, ...common], options, (error, stdout, stderr) => {
      if (error === null) done(stdout);
      else failed(new Error(`xds-swarm ${args.join(' ')}: ${stderr.trim()}`, { cause: error }));
    });
  });
  return (JSON.parse(report) as { readonly runs: readonly Run[] }).runs;
}
