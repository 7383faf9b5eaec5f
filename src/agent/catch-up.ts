import type { Clock } from '../base/clock.ts';

/** So long a desk waits for its control plane before it goes on with what it has: without one nobody knows better. */
const waitMaxMs = 5_000;
const tickMs = 500;
/** A machine that is busy is late, too; this late it may have missed a commit. */
const stallMs = 2_000;

/**
 * Whether a desk of the pool may answer by the policy that it holds. One that has just started or that stood still may have
 * missed some, and another desk is better asked until the control plane has told it the present one.
 */
export class CatchUp {
  readonly #clock: Clock;
  readonly #onStall: () => void;
  /** By the monotonic clock; undefined: it knows what is to be known. */
  #behindSinceMs: number | undefined;
  #tickedMs: number;
  #cancel = (): void => {};

  /** `onStall`: what waits in old connections is of before, so that a new one is to be opened. */
  constructor(clock: Clock, onStall: () => void) {
    this.#clock = clock;
    this.#onStall = onStall;
    this.#behindSinceMs = clock.monotonicMs();
    this.#tickedMs = clock.monotonicMs();
    this.#plan();
  }

  /** The control plane has told the whole policy. */
  heard(): void {
    this.#look();
    this.#behindSinceMs = undefined;
  }

  /** Asked at each question: those that waited while the process stood still come ahead of any timer. */
  get isBehind(): boolean {
    const nowMs = this.#look();
    const sinceMs = this.#behindSinceMs;
    if (sinceMs !== undefined && nowMs - sinceMs >= waitMaxMs) this.#behindSinceMs = undefined;
    return this.#behindSinceMs !== undefined;
  }

  stop(): void {
    this.#cancel();
  }

  #plan(): void {
    this.#cancel = this.#clock.after(tickMs, () => {
      this.#look();
      this.#plan();
    });
  }

  #look(): number {
    const nowMs = this.#clock.monotonicMs();
    const lateMs = nowMs - this.#tickedMs - tickMs;
    this.#tickedMs = nowMs;
    if (lateMs >= stallMs) {
      this.#behindSinceMs = nowMs;
      this.#onStall();
    }
    return nowMs;
  }
}
