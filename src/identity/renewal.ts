import type { Random } from '../base/random.ts';

const jitterFraction = 0.1;

/** How long to wait before renewing: half of the whole life, ±10 % so that a fleet spreads. Never negative. */
export function renewalDelayMs(given: {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly nowMs: number;
  readonly random: Random;
}): number {
  const { notBeforeMs, notAfterMs, nowMs, random } = given;
  const half = (notAfterMs - notBeforeMs) / 2;
  const jitter = half * jitterFraction * (2 * random.fraction() - 1);
  return Math.max(0, notBeforeMs + half + jitter - nowMs);
}
