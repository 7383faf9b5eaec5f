import type { Random } from '../base/random.ts';
import { signedMs } from './another-time.ts';

const jitterFraction = 0.1;

/** What is not valid yet by the own clock is replaced as soon as there is something better, or the clock is right. */
const earlyAgainMs = 60_000;

/**
 * The same for a certificate that was signed just now. Where it is over, or not valid yet, by the own clock, that clock is
 * wrong, or the one of who signed it: its age is known all the same, and asking at once would bring another such.
 */
export function freshRenewalDelayMs(given: Parameters<typeof renewalDelayMs>[0]): number {
  const { notBeforeMs, notAfterMs, nowMs } = given;
  const byAge = (): number =>
    renewalDelayMs({ ...given, nowMs: signedMs({ notBeforeMs, notAfterMs }) });
  if (notBeforeMs > nowMs) return Math.min(earlyAgainMs, byAge());
  return notAfterMs <= nowMs ? byAge() : renewalDelayMs(given);
}

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
