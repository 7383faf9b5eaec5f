import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';

const startMs = 20_000;

/** A module of this folder as a process that answers each line of JSON with one. */
export class Child {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: Interface) {
    this.#process = child;
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** Resolves when the process has said its first line. */
  static async start(module: string, file: string, flags: readonly string[] = []): Promise<Child> {
    const path = new URL(module, import.meta.url).pathname;
    const child = spawn(process.execPath, [...flags, path, file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error('no output');
    const started = new Child(child, createInterface({ input: child.stdout }));
    const timer = setTimeout(() => child.kill('SIGKILL'), startMs);
    await started.#next();
    clearTimeout(timer);
    return started;
  }

  async ask<Answer>(question: unknown): Promise<Answer> {
    this.#process.stdin?.write(`${JSON.stringify(question)}\n`);
    return JSON.parse(await this.#next()) as Answer;
  }

  get cpuSeconds(): number {
    return cpuSeconds(this.#process.pid ?? 0);
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await gone;
  }

  async #next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('a process of the bench has ended');
    return value;
  }
}

/** Of all its threads, to the nanosecond; one that has ended takes its share with it. */
export function cpuSeconds(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'))
    .reduce((sum, times) => sum + Number(times.split(' ', 1)[0]) / 1e9, 0);
}
