import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { tetherPrefix } from '../../src/app/child.ts';
import type { JoinTokenReply } from '../../src/serve/api/wire.ts';
import { endProcess } from './end-process.ts';
import { freePort } from './free-port.ts';
import { eventually, type RunningMesh } from './running-mesh.ts';

const entry = resolve('bin/chancery.js');

/** `chancery authz` as a process, with all that it said. */
export class PoolMember {
  readonly host: string;
  readonly port: number;
  readonly state: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  output = '';

  private constructor(
    host: string,
    port: number,
    given: { readonly state: string; readonly flags: readonly string[] },
  ) {
    this.host = host;
    this.port = port;
    this.state = given.state;
    this.#flags = given.flags;
  }

  /** With a token that the control plane of this intent folder makes; not started yet. */
  static async invite(host: string, intentDir: string, folder: string): Promise<PoolMember> {
    const state = join(folder, host);
    mkdirSync(state, { recursive: true, mode: 0o700 });
    const args = [entry, 'host', 'token', host, intentDir, '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
    const { token, rootSha256, address, port } = JSON.parse(stdout) as JoinTokenReply;
    const tokenFile = join(state, 'token');
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const own = await freePort();
    const flags = [
      ...['--server', `${address}:${port}`, '--join-token-file', tokenFile, '--state', state],
      ...['--listen', `127.0.0.1:${own}`, '--seal-with', 'file'],
      ...rootSha256.flatMap((root) => ['--root', root]),
    ];
    return new PoolMember(host, own, { state, flags });
  }

  async start(): Promise<void> {
    this.output = '';
    const [program = '', ...args] = [...tetherPrefix(), process.execPath, entry, 'authz'];
    const child = spawn(program, [...args, ...this.#flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.output += chunk.toString('utf8');
    });
    this.#child = child;
    await eventually(
      () => /the desk of the pool serves/.test(this.output) && /policy taken/.test(this.output),
      20_000,
      () => `${this.host} does not serve:\n${this.output}`,
    );
  }

  /** Stopped, it holds its connections and answers nothing; `resume` lets it go on. */
  async hang(): Promise<void> {
    this.#child?.kill('SIGSTOP');
    const stat = (): string => readFileSync(`/proc/${this.#child?.pid}/stat`, 'utf8');
    await eventually(() => stat().split(' ')[2] === 'T', 2_000, stat);
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await endProcess(this.#child, signal);
  }

  /** What it decided, as its log has it. */
  decisions(): readonly Readonly<Record<string, unknown>>[] {
    const file = join(this.state, 'logs', 'decisions.jsonl');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.flatMap((line) =>
      line === '' ? [] : [JSON.parse(line) as Record<string, unknown>],
    );
  }
}

/** By a commit: all proxies ask these desks from now on. */
export async function askPool(mesh: RunningMesh, members: readonly PoolMember[]): Promise<void> {
  const where = members.map(({ host, port }) => `${host}: 127.0.0.1:${port}`).join(', ');
  mesh.edit(
    'mesh.yaml',
    (text) => `${text}defaults: { desk: pool }\ndesk: { pool: { ${where} } }\n`,
  );
  mesh.commit('ask the pool');
  await mesh.live();
}
