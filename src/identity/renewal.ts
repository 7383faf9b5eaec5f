import type { Random } from '../base/random.ts';
import { signedMs } from './another-time.ts';

const jitterFraction = 0.1;

/**
 * How long to wait before renewing: until half of its life is over, ±10 % so that a fleet spreads. Its life begins when it
 * was signed, a little after `notBeforeMs`. Never negative.
 */
export function renewalDelayMs(given: {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly nowMs: number;
  readonly random: Random;
}): number {
  const { notBeforeMs, notAfterMs, nowMs, random } = given;
  const fromMs = signedMs({ notBeforeMs, notAfterMs });
  const half = (notAfterMs - fromMs) / 2;
  const jitter = half * jitterFraction * (2 * random.fraction() - 1);
  return Math.max(0, fromMs + half + jitter - nowMs);
}
