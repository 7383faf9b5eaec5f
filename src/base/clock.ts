/** Time as an argument. Nothing below the wiring reads the clock by itself. */
export interface Clock {
  /** Wall time, milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic time in milliseconds, for durations. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`, or after 24 days where that is sooner; the returned function cancels it. */
  after(delayMs: number, run: () => void): () => void;
}

/** What a timer can hold. Past it Node calls back at once, and whoever plans by a clock that is years off would never rest. */
const timerMsMax = 2 ** 31 - 1;

/** The real clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(delayMs, timerMsMax));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
