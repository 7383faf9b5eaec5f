import type { Clock } from '../../../src/base/clock.ts';

/** The clock of one process: what it planned ends with it. */
export class ProcessClock implements Clock {
  readonly #clock: Clock;
  /** With the delay that was asked for. */
  readonly #cancels = new Map<() => void, number>();
  #isDead = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, run: () => void): () => void {
    if (this.#isDead) return () => {};
    const cancel = this.#clock.after(delayMs, () => {
      this.#cancels.delete(end);
      run();
    });
    const end = (): void => {
      this.#cancels.delete(end);
      cancel();
    };
    this.#cancels.set(end, delayMs);
    return end;
  }

  isPlanned(delayMs: number): boolean {
    return [...this.#cancels.values()].includes(delayMs);
  }

  kill(): void {
    this.#isDead = true;
    for (const cancel of [...this.#cancels.keys()]) cancel();
  }
}
