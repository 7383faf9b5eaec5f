import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type HostFile, replaceFile, type ServerAddress } from '../../src/agent/host-file.ts';
import { type Child, createChild, tetherPrefix } from '../../src/app/child.ts';
import { planHost } from '../../src/app/host-plan.ts';
import {
  accessLog,
  adminSocket,
  type Layout,
  layoutOf,
  makeLayout,
  workloadAgentSocket,
} from '../../src/app/layout.ts';
import { readIntent } from '../../src/app/read-intent.ts';
import { appSpec, proxySpec } from '../../src/app/workload-processes.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import type { WorkloadId } from '../../src/compile/inventory.ts';
import { resolveEnvoy } from '../../src/envoy/resolve.ts';
import { readWorkingTree } from '../../src/git/working-tree.ts';
import type { Intent } from '../../src/model/types.ts';
import { callApi } from '../../src/serve/api/client.ts';
import type { ReadyReply } from '../../src/serve/api/operator-wire.ts';
import { paths, type StatusReply } from '../../src/serve/api/wire.ts';
import { endProcess } from './end-process.ts';
import { freePort } from './free-port.ts';
import { PostgresServer } from './postgres.ts';
import { type Answer, ask, eventually } from './running-mesh.ts';
import { socketText } from './socket-text.ts';

const entry = resolve('bin/chancery.js');
const run = promisify(execFile);

/** One of the control planes, as a process with a folder of its own. */
export class ReplicaProcess {
  readonly dir: string;
  readonly port: number;
  readonly agentPort: number;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  output = '';

  constructor(dir: string, ports: { port: number; agentPort: number }, flags: readonly string[]) {
    mkdirSync(dir, { recursive: true });
    this.dir = dir;
    this.port = ports.port;
    this.agentPort = ports.agentPort;
    this.#flags = flags;
  }

  /** As `status` names it. */
  get name(): string {
    return `${hostname()}:${this.port}`;
  }

  get layout(): Layout {
    return layoutOf(this.dir, process.env);
  }

  start(): void {
    const ports = ['--port', `${this.port}`, '--agent-port', `${this.agentPort}`];
    const args = [entry, 'server', '--dir', this.dir, ...ports, ...this.#flags];
    const [program = '', ...more] = [...tetherPrefix(), process.execPath, ...args];
    const child = spawn(program, more, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => {
      this.output += chunk.toString('utf8');
    });
    this.#child = child;
  }

  /** Undefined while it does not answer, or does not serve yet: then it tells of itself, but has no CA. */
  async status(): Promise<StatusReply | undefined> {
    const get = (path: string) => callApi(this.layout.controlSocket, { method: 'GET', path });
    try {
      await get(paths.ca);
      return (await get(paths.status)) as StatusReply;
    } catch {
      return undefined;
    }
  }

  /** The sum of a metric over its labels. */
  async metric(name: string): Promise<number> {
    const lines = (await this.#get(paths.metrics)).split('\n');
    return lines
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async ready(): Promise<ReadyReply> {
    return JSON.parse(await this.#get(paths.ready)) as ReadyReply;
  }

  #get(path: string): Promise<string> {
    return socketText(this.layout.controlSocket, path);
  }

  /** Resolves with how long it took to end. */
  end(signal: NodeJS.Signals): Promise<number> {
    return endProcess(this.#child, signal);
  }
}

/** A mesh on one machine, the shop if not told otherwise, with several control planes on one real PostgreSQL; intent comes from a repository that all follow. */
export class ReplicatedMesh {
  readonly dir = mkdtempSync(join(tmpdir(), 'replicas-'));
  readonly postgres = new PostgresServer();
  replicas: readonly ReplicaProcess[] = [];
  #children: Child[] = [];
  #egress = new Map<string, number>();
  readonly #source: string;

  constructor(source = 'examples/shop') {
    this.#source = source;
  }

  /** `own`: flags of each one by itself. */
  async start(
    count: number,
    more: readonly string[] = [],
    own: (index: number) => readonly string[] = () => [],
  ): Promise<void> {
    await this.postgres.start();
    const store = await this.postgres.database();
    this.#makeRepository();
    const flags = [
      ...['--repo', this.hub, '--branch', 'main', '--poll', '1s'],
      ...['--store', store, '--kek', `file:${join(this.dir, 'kek')}`, '--watch', '0s', ...more],
    ];
    const ports = async () => ({ port: await freePort(), agentPort: await freePort() });
    for (let index = 0; index < count; index += 1) {
      const replica = new ReplicaProcess(join(this.dir, `r${index}`), await ports(), [
        ...flags,
        ...own(index),
      ]);
      this.replicas = [...this.replicas, replica];
      replica.start();
    }
  }

  /** The agent of this machine, and a proxy and an application for each workload; each knows all control planes. */
  async startWorkloads(): Promise<void> {
    const layout = layoutOf(this.#work, process.env);
    makeLayout(layout);
    const intent = await this.#intent();
    const planned = planHost({ commit: '', intent }, { workloads: {} }, () => true).workloads;
    const servers = (port: 'port' | 'agentPort'): ServerAddress[] =>
      this.replicas.map((replica) => ({ host: '127.0.0.1', port: replica[port] }));
    const [first] = this.replicas;
    const host: HostFile = {
      control: {
        servers: servers('agentPort'),
        proof: { kind: 'local', socket: first?.layout.controlSocket ?? '', host: 'local' },
        rootSha256: [],
      },
      workloadSocket: layout.workloadSocket,
      agentSocket: layout.agentSocket,
      workloads: planned.map(({ workload, health }) => ({
        ...{ workload, health },
        agentSocket: workloadAgentSocket(layout, workload.id),
        adminSocket: adminSocket(layout, workload.id),
        accessLog: accessLog(layout, workload.id),
      })),
    };
    replaceFile(layout.hostFile, host);
    const { path: envoyPath } = await resolveEnvoy({ env: process.env, onProgress: () => {} });
    const options = { layout, envoyPath, env: process.env };
    const mesh = { servers: servers('port'), trustDomain: intent.mesh.trustDomain };
    const agent = {
      name: 'agent',
      command: [process.execPath, entry, 'agent', '--host-file', layout.hostFile],
      cwd: layout.stateDir,
      env: process.env as Record<string, string>,
      logFile: join(layout.logsDir, 'agent.log'),
    };
    for (const spec of [
      agent,
      ...planned.flatMap((one) => [
        proxySpec(options, one.workload, mesh),
        appSpec(options, one, one.workload.appPort),
      ]),
    ]) {
      const child = createChild(spec, { clock, onChange: () => {} });
      this.#children.push(child);
      child.start();
    }
    this.#egress = new Map(planned.map(({ workload }) => [workload.id, workload.egressPort]));
  }

  ask(workload: string, host: string, method: string, path: string): Promise<Answer> {
    return ask(this.#egress.get(workload) ?? 0, host, method, path);
  }

  get #work(): string {
    return join(this.dir, 'work');
  }

  git(...args: readonly string[]): string {
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@shop.test'];
    return execFileSync('git', ['-C', this.#work, ...identity, ...args], { encoding: 'utf8' });
  }

  /** Commits a change and pushes it; resolves with its id. */
  push(file: string, change: (text: string) => string, message: string = `change ${file}`): string {
    const path = join(this.#work, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
    this.git('commit', '--quiet', '--all', '-m', message);
    this.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
    return this.git('rev-parse', 'HEAD').trim();
  }

  /** The repository that all follow. */
  get hub(): string {
    return join(this.dir, 'hub.git');
  }

  /** The lines of a proxy's access log. */
  log(workload: string): readonly Record<string, unknown>[] {
    const file = accessLog(layoutOf(this.#work, process.env), workload as WorkloadId);
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Resolves when a commit is live everywhere, as this control plane says. */
  async live(replica: ReplicaProcess, commit: string): Promise<void> {
    await run(process.execPath, [entry, 'wait', commit, replica.dir, '--timeout', '30s']);
  }

  /** What `chancery status` prints at a control plane; it ends with 2 where something is wrong. */
  async statusText(replica: ReplicaProcess): Promise<string> {
    try {
      return (await run(process.execPath, [entry, 'status', replica.dir])).stdout;
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  }

  async until(
    replica: ReplicaProcess,
    what: string,
    holds: (status: StatusReply) => boolean,
    withinMs = 30_000,
  ): Promise<StatusReply> {
    let last: StatusReply | undefined;
    await eventually(
      async () => {
        last = await replica.status();
        return last !== undefined && holds(last);
      },
      withinMs,
      () => `not ${what}: ${JSON.stringify(last, undefined, 1)}\n${replica.output.slice(-6_000)}`,
    );
    if (last === undefined) throw new Error(what);
    return last;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop(3_000)));
    await Promise.all(this.replicas.map((replica) => replica.end('SIGKILL')));
    await this.postgres.remove();
    for (const layout of [
      layoutOf(this.#work, process.env),
      ...this.replicas.map((r) => r.layout),
    ]) {
      rmSync(dirname(layout.controlSocket), { recursive: true, force: true });
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #intent(): Promise<Intent> {
    const files = await readWorkingTree(this.#work);
    const parsed = files.ok ? readIntent(files.value, clock.nowMs()) : undefined;
    if (parsed?.intent === undefined) throw new Error(JSON.stringify(parsed?.findings));
    return parsed.intent;
  }

  #makeRepository(): void {
    cpSync(this.#source, this.#work, {
      recursive: true,
      filter: (path) => !path.includes('.chancery') && !path.endsWith('.test.ts'),
    });
    execFileSync('git', ['init', '--quiet', '--bare', '-b', 'main', this.hub]);
    this.git('init', '--quiet', '-b', 'main');
    this.git('add', '--all');
    this.git('commit', '--quiet', '-m', 'the shop');
    this.git('remote', 'add', 'origin', this.hub);
    this.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  }
}
