import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { layoutOf } from '../../src/app/layout.ts';
import type { HostReply, HostsReply, JoinTokenReply } from '../../src/serve/api/wire.ts';
import { endProcess } from './end-process.ts';
import { freePort } from './free-port.ts';
import { eventually } from './running-mesh.ts';

const entry = resolve('bin/chancery.js');
const run = promisify(execFile);

/** A control plane as a process of its own, without proxies, and agents of many hosts beside it. */
export class LoneControlPlane {
  readonly dir = mkdtempSync(join(tmpdir(), 'plane-'));
  readonly agents: LoneAgent[] = [];
  agentPort = 0;
  #port = 0;
  #child: ChildProcess | undefined;

  constructor(files: Readonly<Record<string, string>>) {
    for (const [file, text] of Object.entries(files)) this.write(file, text);
  }

  get intentDir(): string {
    return join(this.dir, 'intent');
  }

  get controlSocket(): string {
    return layoutOf(this.intentDir, process.env).controlSocket;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  write(file: string, text: string): void {
    const path = join(this.intentDir, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  async start(...flags: readonly string[]): Promise<void> {
    if (this.#port === 0) [this.#port, this.agentPort] = [await freePort(), await freePort()];
    const ports = ['--port', `${this.#port}`, '--agent-port', `${this.agentPort}`];
    const args = [entry, 'server', '--dev', '--dir', this.intentDir, ...ports, ...flags];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    await eventually(
      () =>
        this.hosts().then(
          () => true,
          () => false,
        ),
      20_000,
      () => 'the control plane does not come up',
    );
  }

  async kill(): Promise<void> {
    await endProcess(this.#child, 'SIGKILL');
  }

  /** What a command prints; rejects with its standard error where it ends with 1. */
  async chancery(...args: readonly string[]): Promise<string> {
    try {
      return (await run(process.execPath, [entry, ...args], { timeout: 30_000 })).stdout;
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      if (code === 2) return stdout;
      throw new Error(`${stderr}${stdout}`);
    }
  }

  async hosts(): Promise<ReadonlyMap<string, HostReply>> {
    const text = await this.chancery('host', 'list', this.intentDir, '--json');
    const { hosts } = JSON.parse(text) as HostsReply;
    return new Map(hosts.map((host) => [host.name, host]));
  }

  async token(host: string, ...flags: readonly string[]): Promise<JoinTokenReply> {
    const text = await this.chancery('host', 'token', host, this.intentDir, '--json', ...flags);
    return JSON.parse(text) as JoinTokenReply;
  }

  /** An agent that joins with a token of its own, in a state folder of its own. */
  async join(host: string): Promise<LoneAgent> {
    const { token, rootSha256 } = await this.token(host);
    const agent = this.agent(host);
    writeFileSync(agent.tokenFile, token);
    agent.start(...rootSha256.flatMap((root) => ['--root', root]));
    return agent;
  }

  agent(name: string): LoneAgent {
    const agent = new LoneAgent(join(this.dir, name), this.agentPort);
    this.agents.push(agent);
    return agent;
  }

  async remove(): Promise<void> {
    for (const agent of this.agents) await agent.kill();
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
    rmSync(dirname(this.controlSocket), { recursive: true, force: true });
  }
}

/** `chancery agent` as a process, with all that it said. */
export class LoneAgent {
  readonly state: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #flags: readonly string[] = [];
  output = '';

  constructor(state: string, port: number) {
    this.state = state;
    this.#port = port;
    mkdirSync(state, { recursive: true, mode: 0o700 });
  }

  get tokenFile(): string {
    return join(this.state, 'token');
  }

  get socket(): string {
    return join(this.state, 'public', 'workload.sock');
  }

  /** Flags left out: as it was started before. */
  start(...flags: readonly string[]): void {
    if (flags.length > 0) this.#flags = flags;
    const own = ['--server', `127.0.0.1:${this.#port}`, '--state', this.state];
    const proofs = ['--host-cert', '--join-token-file', '--tpm'];
    const named = this.#flags.some((flag) => proofs.includes(flag));
    const proof = named ? [] : ['--join-token-file', this.tokenFile];
    const rest = ['--socket', this.socket, ...proof, ...this.#flags];
    const child = spawn(process.execPath, [entry, 'agent', ...own, ...rest], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.output += chunk.toString('utf8');
    });
    this.#child = child;
  }

  async said(pattern: RegExp, withinMs = 15_000): Promise<void> {
    await eventually(
      () => pattern.test(this.output),
      withinMs,
      () => `the agent did not say ${pattern.source}:\n${this.output}`,
    );
  }

  async kill(): Promise<void> {
    await endProcess(this.#child, 'SIGKILL');
  }
}

/** The kinds and subjects of the newest entries of the ledger, newest first. */
export function ledgerOf(intentDir: string): readonly string[] {
  const script =
    "const { DatabaseSync } = require('node:sqlite');" +
    `const db = new DatabaseSync(${JSON.stringify(join(intentDir, '.chancery', 'state.db'))}, { readOnly: true });` +
    "for (const r of db.prepare('SELECT kind, subject, facts FROM ledger ORDER BY seq DESC LIMIT 200').all()) console.log(r.kind, r.subject, r.facts);";
  return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim().split('\n');
}

export function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

/** The documents of a kind in the store, as text. */
export function documentsOf(intentDir: string, kind: string): readonly string[] {
  const script =
    "const { DatabaseSync } = require('node:sqlite');" +
    `const db = new DatabaseSync(${JSON.stringify(join(intentDir, '.chancery', 'state.db'))}, { readOnly: true });` +
    `for (const r of db.prepare('SELECT id, value FROM documents WHERE kind = ?').all(${JSON.stringify(kind)})) console.log(r.id, Buffer.from(r.value).toString('utf8'));`;
  return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim().split('\n');
}
