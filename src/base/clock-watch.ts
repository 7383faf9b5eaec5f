import type { Clock } from './clock.ts';

const lookEveryMs = 1_000;
/** Time that is set by NTP drifts by less; a machine that slept or a hand that set the clock is more. */
const clockJumpMs = 5_000;

/**
 * Notices a wall clock that moved otherwise than time did: the machine slept, or somebody set it. `jumpedMs` is negative
 * when it was set back. The returned function ends the watch.
 */
export function watchClock(clock: Clock, onJump: (jumpedMs: number) => void): () => void {
  let wallMs = clock.nowMs();
  let monotonicMs = clock.monotonicMs();
  let cancel = (): void => {};
  const look = (): void => {
    const wall = clock.nowMs();
    const monotonic = clock.monotonicMs();
    const jumpedMs = wall - wallMs - (monotonic - monotonicMs);
    wallMs = wall;
    monotonicMs = monotonic;
    if (Math.abs(jumpedMs) >= clockJumpMs) onJump(jumpedMs);
    cancel = clock.after(lookEveryMs, look);
  };
  cancel = clock.after(lookEveryMs, look);
  return () => cancel();
}
