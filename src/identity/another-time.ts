import { backdateMs } from './ca.ts';

/** Clocks of machines with a time service differ by less; so do those of replicas that sign in turns. */
const apartMs = 60_000;

export interface Life {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * Why a certificate that came is not to take the place of the one that is held: whoever signed it has a clock that jumped, so
 * that others would take it as not valid yet, or as ended sooner than the one that is held. What says so is not a clock but
 * the time that went by here since the one that is held was signed: a host whose own clock was set takes whatever comes.
 * Undefined: nothing speaks against it, or there is nothing better.
 */
export function ofAnotherTime(given: {
  readonly held: Life;
  readonly next: Life;
  /** By the wall clock of this host. */
  readonly nowMs: number;
  /** Since `held` was signed, by the monotonic clock of this host. */
  readonly elapsedMs: number;
}): string | undefined {
  const { held, next, nowMs, elapsedMs } = given;
  const expectedMs = signedMs(held) + elapsedMs;
  const isOver = held.notAfterMs <= nowMs || held.notAfterMs <= expectedMs;
  if (isOver || held.notBeforeMs > nowMs) return undefined;
  const offMs = signedMs(next) - expectedMs;
  const isEarly = offMs > apartMs && next.notBeforeMs > nowMs;
  const isShorter = offMs < -apartMs && next.notAfterMs <= held.notAfterMs;
  if (!isEarly && !isShorter) return undefined;
  const seconds = Math.round(Math.abs(offMs) / 1_000);
  return `the control plane signs ${seconds} s ${offMs > 0 ? 'ahead of' : 'behind'} the time that went by here`;
}

/** A certificate is valid from a little before it was signed on. */
export function signedMs({ notBeforeMs, notAfterMs }: Life): number {
  return Math.min(notBeforeMs + backdateMs, notAfterMs);
}
