import type { Clock } from './clock.ts';

const lookEveryMs = 1_000;
/** Time that is set by NTP drifts by less; a machine that slept or a hand that set the clock is more. */
const clockJumpMs = 5_000;

/** How far the wall clock moved otherwise than time did since it was asked last; 0: it did not. Negative when it was set back. */
function jumps(clock: Clock): () => number {
  let wallMs = clock.nowMs();
  let monotonicMs = clock.monotonicMs();
  return () => {
    const wall = clock.nowMs();
    const monotonic = clock.monotonicMs();
    const jumpedMs = wall - wallMs - (monotonic - monotonicMs);
    wallMs = wall;
    monotonicMs = monotonic;
    return Math.abs(jumpedMs) >= clockJumpMs ? jumpedMs : 0;
  };
}

/**
 * Notices a wall clock that moved otherwise than time did: the machine slept, or somebody set it. The returned function ends
 * the watch.
 */
export function watchClock(clock: Clock, onJump: (jumpedMs: number) => void): () => void {
  const jumped = jumps(clock);
  let cancel = (): void => {};
  const look = (): void => {
    const jumpedMs = jumped();
    if (jumpedMs !== 0) onJump(jumpedMs);
    cancel = clock.after(lookEveryMs, look);
  };
  cancel = clock.after(lookEveryMs, look);
  return () => cancel();
}

/** A clock for what holds times against each other. */
export interface TellingClock extends Clock {
  /** Before a time after a jump is given to anybody: whoever kept times from before moves them by so much. */
  onJump(follower: (jumpedMs: number) => void): void;
}

export function tellingClock(clock: Clock): TellingClock {
  const jumped = jumps(clock);
  const followers: ((jumpedMs: number) => void)[] = [];
  return {
    nowMs: () => {
      const jumpedMs = jumped();
      if (jumpedMs !== 0) for (const follower of followers) follower(jumpedMs);
      return clock.nowMs();
    },
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs, run) => clock.after(delayMs, run),
    onJump: (follower) => void followers.push(follower),
  };
}
