import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { messageOf } from '../../base/error.ts';
import { accessLogFile } from '../../compile/names.ts';
import { tetherPrefix } from '../child.ts';

const startMaxMs = 20_000;
const lookMs = 20;
const exitMaxMs = 3_000;
const outputLengthMax = 4_000;

/** An Envoy by itself, with a bootstrap that has all it needs; it goes with this process, however that ends. */
export class EnvoyProcess {
  readonly #dir: string;
  readonly #child: ChildProcess;
  #output = '';
  #ended: string | undefined;
  readonly #gone: Promise<void>;

  private constructor(dir: string, child: ChildProcess) {
    this.#dir = dir;
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-outputLengthMax);
    });
    this.#gone = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#ended ??= why;
        resolve();
      };
      child.once('error', (error) => end(messageOf(error)));
      child.once('exit', (code, signal) => end(`it ended with ${signal ?? code}`));
    });
  }

  /** `dir`: what it runs in and logs to; made here. */
  static start(given: {
    readonly envoyPath: string;
    readonly dir: string;
    readonly bootstrap: Uint8Array;
  }): EnvoyProcess {
    const { envoyPath, dir } = given;
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'bootstrap.pb'), given.bootstrap, { mode: 0o600 });
    const [program = '', ...args] = [
      ...tetherPrefix(),
      ...[envoyPath, '-c', 'bootstrap.pb', '--disable-hot-restart'],
      ...['--concurrency', '1', '--log-level', 'error'],
    ];
    const stdio = ['ignore', 'ignore', 'pipe'] as const;
    return new EnvoyProcess(dir, spawn(program, args, { cwd: dir, env: {}, stdio: [...stdio] }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Undefined: it listens there; else why not. */
  async untilItListens(port: number): Promise<string | undefined> {
    const endMs = performance.now() + startMaxMs;
    while (this.#ended === undefined && performance.now() < endMs) {
      if (await accepts(port)) return undefined;
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
    const why = this.#ended ?? `it does not listen within ${startMaxMs / 1_000} s`;
    return [why, this.#output.trim()].join('\n').trim();
  }

  /** Resolves when it is gone, with what it logged by then. */
  async stop(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    if (this.#ended === undefined) {
      // It writes its log out when it ends in order.
      this.#child.kill('SIGTERM');
      const kill = setTimeout(() => this.#child.kill('SIGKILL'), exitMaxMs);
      await this.#gone;
      clearTimeout(kill);
    }
    return this.#log();
  }

  #log(): readonly Readonly<Record<string, unknown>>[] {
    let text = '';
    try {
      text = readFileSync(join(this.#dir, accessLogFile), 'utf8');
    } catch {
      return [];
    }
    const lines = text.split('\n').filter((line) => line.endsWith('}'));
    return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
