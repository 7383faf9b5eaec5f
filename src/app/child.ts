import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { BoundedLog } from '../agent/bounded-log.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';

/** What to run. `command[0]` is looked up on PATH. */
export interface ChildSpec {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Output of the process is appended here; the file is bounded. */
  readonly logFile: string;
}

/**
 * One supervised process. `starting`: spawned, its pid is not known yet. `running`: it has a pid.
 * `waiting`: it died and is started again at `retryAtMs`. `stopping`: asked to end. `stopped`: it
 * ended because it was asked to, or was never started.
 */
export type ChildState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly pid: number; readonly sinceMs: number }
  | {
      readonly kind: 'waiting';
      readonly reason: string;
      readonly restarts: number;
      readonly retryAtMs: number;
    }
  | { readonly kind: 'stopping'; readonly pid: number }
  | { readonly kind: 'stopped' };

export interface Child {
  readonly spec: ChildSpec;
  readonly state: ChildState;
  /** The end of what it has written since it was started last, in bounds. */
  readonly output: string;
  start(): void;
  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when the process is gone. */
  stop(graceMs: number): Promise<void>;
}

/** First pause before a restart; it doubles to the longest, and resets after a quiet period. */
const backoffFirstMs = 200;
const backoffLongestMs = 10_000;
const quietPeriodMs = 30_000;

/** Enough for the error that a program ends with. */
const outputBytesMax = 8_192;
/** What a program wrote last comes after its end, unless something that it started still holds its output open. */
const outputGraceMs = 100;

export interface ChildOptions {
  readonly clock: Clock;
  readonly onChange: (child: Child, before: ChildState) => void;
}

/**
 * `setpriv --pdeathsig` makes the kernel kill a child when its supervisor dies, even by SIGKILL.
 * Without it (util-linux is missing) children are still ended on every orderly way out.
 */
let tether: readonly string[] | undefined;
export function tetherPrefix(): readonly string[] {
  if (tether === undefined) {
    const probe = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' });
    tether = probe.status === 0 ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
  }
  return tether;
}

export function createChild(spec: ChildSpec, options: ChildOptions): Child {
  return new SupervisedChild(spec, options);
}

class SupervisedChild implements Child {
  readonly spec: ChildSpec;
  readonly #options: ChildOptions;
  #state: ChildState = { kind: 'stopped' };
  #process: ChildProcess | undefined;
  #output: Buffer[] = [];
  #restarts = 0;
  #cancelRestart: (() => void) | undefined;
  #onGone: (() => void)[] = [];

  constructor(spec: ChildSpec, options: ChildOptions) {
    this.spec = spec;
    this.#options = options;
  }

  get state(): ChildState {
    return this.#state;
  }

  get output(): string {
    return Buffer.concat(this.#output).subarray(-outputBytesMax).toString('utf8');
  }

  start(): void {
    if (this.#state.kind !== 'stopped' && this.#state.kind !== 'waiting') return;
    this.#output = [];
    this.#enter({ kind: 'starting' });
    const log = new BoundedLog(this.spec.logFile);
    const [program = '', ...args] = [...tetherPrefix(), ...this.spec.command];
    const child = spawn(program, args, {
      cwd: this.spec.cwd,
      env: this.spec.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        log.write(chunk);
        this.#remember(chunk);
      });
    }
    this.#follow(child, log);
  }

  #remember(chunk: Buffer): void {
    this.#output.push(chunk);
    let bytes = this.#output.reduce((sum, { length }) => sum + length, 0);
    for (
      let [first] = this.#output;
      first && bytes - first.length >= outputBytesMax;
      [first] = this.#output
    ) {
      bytes -= first.length;
      this.#output.shift();
    }
  }

  #follow(child: ChildProcess, log: BoundedLog): void {
    const startedMs = this.#options.clock.monotonicMs();
    let ended = false;
    const onEnd = (reason: string): void => {
      if (ended) return;
      ended = true;
      void log.close();
      this.#ended(reason, this.#options.clock.monotonicMs() - startedMs);
    };
    child.once('spawn', () => {
      if (child.pid !== undefined && this.#state.kind === 'starting') {
        this.#enter({ kind: 'running', pid: child.pid, sinceMs: this.#options.clock.nowMs() });
      }
    });
    child.once('error', (error) => onEnd(messageOf(error)));
    child.once('exit', (code, signal) => {
      const end = (): void =>
        onEnd(signal === null ? `exited with ${code}` : `killed by ${signal}`);
      const cancel = this.#options.clock.after(outputGraceMs, end);
      child.once('close', () => {
        cancel();
        end();
      });
    });
  }

  #ended(reason: string, livedMs: number): void {
    this.#process = undefined;
    if (this.#state.kind === 'stopping' || this.#state.kind === 'stopped') {
      this.#enter({ kind: 'stopped' });
      for (const done of this.#onGone.splice(0)) done();
      return;
    }
    if (livedMs > quietPeriodMs) this.#restarts = 0;
    const delayMs = Math.min(backoffFirstMs * 2 ** this.#restarts, backoffLongestMs);
    this.#restarts += 1;
    const retryAtMs = this.#options.clock.nowMs() + delayMs;
    // Before anybody hears of it, who may well stop it.
    this.#cancelRestart = this.#options.clock.after(delayMs, () => this.start());
    this.#enter({ kind: 'waiting', reason, restarts: this.#restarts, retryAtMs });
  }

  stop(graceMs: number): Promise<void> {
    this.#cancelRestart?.();
    const child = this.#process;
    if (child?.pid === undefined) {
      if (this.#state.kind !== 'stopped') this.#enter({ kind: 'stopped' });
      return Promise.resolve();
    }
    this.#enter({ kind: 'stopping', pid: child.pid });
    return new Promise((resolve) => {
      const cancelKill = this.#options.clock.after(graceMs, () => child.kill('SIGKILL'));
      this.#onGone.push(() => {
        cancelKill();
        resolve();
      });
      child.kill('SIGTERM');
    });
  }

  #enter(state: ChildState): void {
    const before = this.#state;
    this.#state = state;
    this.#options.onChange(this, before);
  }
}
