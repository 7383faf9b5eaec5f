import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { tetherPrefix } from '../../src/app/child.ts';
import type { PortBook, Ports } from '../../src/app/host-plan.ts';
import { layoutOf } from '../../src/app/layout.ts';
import { callApi } from '../../src/serve/api/client.ts';
import { paths, type StatusReply } from '../../src/serve/api/wire.ts';
import { endProcess } from './end-process.ts';
import { socketText } from './socket-text.ts';

const ownEntry = resolve('bin/chancery.js');
const greenWithinMs = 60_000;

/** An intent folder in a Git repository of its own, and the mesh that `up` runs of it. */
export class RunningMesh {
  readonly dir: string;
  readonly output: string[] = [];
  /** For `up` and all that it starts, beside what the test has itself. */
  readonly env: Record<string, string> = {};
  readonly #entry: string;
  #up: ChildProcess | undefined;

  /** `entry`: the program of another version. */
  constructor(source: string, entry: string = ownEntry) {
    this.#entry = entry;
    this.dir = join(mkdtempSync(join(tmpdir(), 'mesh-')), 'intent');
    cpSync(source, this.dir, {
      recursive: true,
      filter: (path) => !path.includes('.chancery') && !path.endsWith('.test.ts'),
    });
    this.git('init', '--quiet');
    this.commit('the mesh');
  }

  get pid(): number {
    const pid = this.#up?.pid;
    if (pid === undefined) throw new Error('the mesh is not up');
    return pid;
  }

  get layout(): ReturnType<typeof layoutOf> {
    return layoutOf(this.dir, { ...process.env, ...this.env });
  }

  git(...args: readonly string[]): string {
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@shop.test'];
    return execFileSync('git', ['-C', this.dir, ...identity, ...args], { encoding: 'utf8' });
  }

  commit(message: string): void {
    this.git('add', '--all');
    this.git('commit', '--quiet', '--allow-empty', '-m', message);
  }

  /** Resolves when what was committed last is on every proxy that it concerns; until then some have what ran before. */
  async live(): Promise<void> {
    await promisify(execFile)(process.execPath, [this.#entry, 'wait', 'HEAD', this.dir], {
      timeout: 60_000,
    });
  }

  edit(file: string, change: (text: string) => string): void {
    const path = join(this.dir, file);
    const before = readFileSync(path, 'utf8');
    const after = change(before);
    if (after === before) throw new Error(`the edit of ${file} changes nothing`);
    writeFileSync(path, after);
  }

  add(file: string, text: string): void {
    writeFileSync(join(this.dir, file), text);
  }

  /** Resolves when `up` says that it is green. */
  async up(...flags: readonly string[]): Promise<void> {
    this.start(...flags);
    await this.said(/green in/);
  }

  start(...flags: readonly string[]): ChildProcess {
    const [program = '', ...args] = [
      ...testTether(),
      process.execPath,
      this.#entry,
      'up',
      this.dir,
    ];
    const child = spawn(program, [...args, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.env },
    });
    this.#up = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => this.output.push(chunk.toString('utf8')));
    }
    return child;
  }

  /** Waits until the output matches; the error holds all of it. */
  async said(pattern: RegExp, withinMs: number = greenWithinMs): Promise<void> {
    await eventually(
      () => {
        const output = this.output.join('');
        if (pattern.test(output)) return true;
        if (this.#up?.exitCode !== null) throw new Error(`up has ended:\n${output}`);
        return false;
      },
      withinMs,
      () => `"${pattern.source}" was not said:\n${this.output.join('')}`,
    );
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await endProcess(this.#up, signal);
  }

  async remove(): Promise<void> {
    await this.end();
    rmSync(resolve(this.dir, '..'), { recursive: true, force: true });
    rmSync(this.layout.runDir, { recursive: true, force: true });
    rmSync(`${this.layout.runDir}-public`, { recursive: true, force: true });
  }

  ports(workload: string): Ports {
    const book = JSON.parse(readFileSync(this.layout.portsFile, 'utf8')) as PortBook;
    const ports = book.workloads[workload];
    if (ports === undefined) throw new Error(`there is no workload ${workload}`);
    return ports;
  }

  /** A request of the workload's application, through its proxy. */
  async ask(
    workload: string,
    host: string,
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    return ask(this.ports(workload).egressPort, host, method, path, body, headers);
  }

  /** Counters of a proxy whose names match, from its admin socket. */
  async stats(workload: string, filter: string): Promise<ReadonlyMap<string, number>> {
    const text = await this.admin(workload, `/stats?filter=${encodeURIComponent(filter)}`);
    return new Map(
      text
        .trim()
        .split('\n')
        .map((line) => line.split(': '))
        .map(([name = '', value]) => [name, Number(value)]),
    );
  }

  /** What its control plane says at a path of the API; rejects while nobody answers. */
  get<Reply>(path: string): Promise<Reply> {
    const call = { method: 'GET', path } as const;
    return callApi(this.layout.controlSocket, call) as Promise<Reply>;
  }

  status(): Promise<StatusReply> {
    return this.get(paths.status);
  }

  admin(workload: string, path: string): Promise<string> {
    return socketText(join(this.layout.runDir, `${workload}.admin`), path);
  }

  /** The lines of a proxy's access log. */
  log(workload: string): readonly Record<string, unknown>[] {
    const file = join(this.layout.stateDir, 'proxies', workload, 'access.jsonl');
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** The pid of one of the mesh's own processes, by what its command line holds. */
  pidOf(words: string): number {
    const list = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
    const line = list.find((one) => one.includes(this.dir) && one.includes(words));
    if (line === undefined) throw new Error(`no process with "${words}"`);
    return Number.parseInt(line.trim(), 10);
  }

  /** Ends one of its processes in order; whoever supervises it starts what is installed now. */
  async restart(words: string): Promise<void> {
    const pid = this.pidOf(words);
    process.kill(pid, 'SIGTERM');
    await eventually(
      () => {
        try {
          return this.pidOf(words) !== pid;
        } catch {
          return false;
        }
      },
      15_000,
      () => `${words} does not come back`,
    );
  }

  /** The Envoy of a workload: `up` runs each in a folder of its own. */
  proxyPid(workload: string): number {
    const folder = join(this.layout.stateDir, 'proxies', workload);
    const list = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
    const pids = list
      .filter((one) => one.includes('bootstrap.pb'))
      .map((one) => Number.parseInt(one.trim(), 10));
    const pid = pids.find((one) => folderOf(one) === folder);
    if (pid === undefined) throw new Error(`there is no Envoy in ${folder}`);
    return pid;
  }
}

/** Empty when the process has ended meanwhile. */
function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** A test run that is killed ends its meshes in order, so that no port stays taken. */
function testTether(): readonly string[] {
  return tetherPrefix().map((word) => (word === 'KILL' ? 'TERM' : word));
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

export function ask(
  port: number,
  host: string,
  method: string,
  path: string,
  body?: unknown,
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((done, reject) => {
    const headers = {
      ...more,
      host,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const call = http.request(
      { host: '127.0.0.1', port, agent, method, path, headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('end', () =>
          done({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      },
    );
    call.once('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export async function eventually(
  holds: () => boolean | Promise<boolean>,
  withinMs: number,
  otherwise: () => string,
): Promise<void> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    if (await holds()) return;
    if (performance.now() > endMs) throw new Error(otherwise());
    await new Promise((wake) => setTimeout(wake, 25));
  }
}

/** What a steady stream of requests met: answers by a key, and everything that was not a 200. */
export interface LoadResult {
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

/** One request each `everyMs`, until told to stop; no more than `requestsMax`. */
export function startLoad(options: {
  readonly everyMs: number;
  readonly requestsMax: number;
  readonly send: () => Promise<Answer>;
  readonly key: (answer: Answer) => string;
}): { stop(): Promise<LoadResult>; readonly sent: () => number } {
  const counts = new Map<string, number>();
  const failures: string[] = [];
  const open = new Set<Promise<void>>();
  let sent = 0;
  const one = async (): Promise<void> => {
    try {
      const answer = await options.send();
      const key = options.key(answer);
      if (answer.status === 200) counts.set(key, (counts.get(key) ?? 0) + 1);
      else failures.push(`${answer.status} ${answer.body}`);
    } catch (error) {
      failures.push(String(error));
    }
  };
  const timer = setInterval(() => {
    if (sent >= options.requestsMax) return;
    sent += 1;
    const running = one().finally(() => open.delete(running));
    open.add(running);
  }, options.everyMs);
  return {
    sent: () => sent,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      return { counts, failures };
    },
  };
}

/** A plain HTTP request straight at a port; rejects when it is not answered as HTTP. */
export function plaintext(port: number): Promise<Answer> {
  return ask(port, 'payments', 'GET', '/');
}

/** Command lines of all processes that belong to the mesh of this folder. */
export function processesOf(dir: string): string[] {
  const pids = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return pids.filter((line) => {
    const pid = line.trim().split(' ')[0] ?? '';
    return line.includes(dir) || cwdOf(pid).startsWith(dir);
  });
}

function cwdOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** The serial number of the certificate that an ingress listener presents now. */
export function presentedSerial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect(
      { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] },
      () => resolve(socket.getPeerCertificate().serialNumber),
    );
    socket.once('error', reject);
  });
}
