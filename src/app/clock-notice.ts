import type { Clock } from '../base/clock.ts';
import { watchClock } from '../base/clock-watch.ts';
import type { Finding } from '../base/finding.ts';
import type { Log } from '../base/log.ts';

/** How long a jump is told of: what it leads to elsewhere comes within minutes. */
const toldMs = 600_000;

/** Says that the clock of the control plane jumped: what it signs, and whom it takes for ended, hangs on it. */
export class ClockNotice {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onJump: (jumpedMs: number) => void;
  #jump: { readonly atMs: number; readonly byMs: number } | undefined;
  #stop = (): void => {};

  constructor(clock: Clock, log: Log, onJump: (jumpedMs: number) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#onJump = onJump;
  }

  get findings(): readonly Finding[] {
    const jump = this.#jump;
    if (jump === undefined || this.#clock.nowMs() - jump.atMs > toldMs) return [];
    const seconds = Math.round(jump.byMs / 1_000);
    return [
      {
        code: 'CH3117',
        severity: 'warning',
        message: `the clock of the control plane jumped by ${seconds} s at ${new Date(jump.atMs).toISOString()}`,
        help: 'look at its time service (chronyc tracking); hosts whose clocks differ take certificates for ended, or for not valid yet',
      },
    ];
  }

  start(): void {
    this.#stop = watchClock(this.#clock, (byMs) => {
      this.#jump = { atMs: this.#clock.nowMs(), byMs };
      this.#log.warn('the clock jumped', { seconds: Math.round(byMs / 1_000) });
      this.#onJump(byMs);
    });
  }

  stop(): void {
    this.#stop();
  }
}
