/** A moment to the second, as people and scripts read it. */
export function timeText(atMs: number): string {
  return new Date(Math.floor(atMs / 1_000) * 1_000).toISOString().replace('.000Z', 'Z');
}

const hourMs = 3_600_000;
const daysFromMs = 48 * hourMs;

/** A span in whole hours or, from two days on, days; what is over or not whole is rounded up. */
export function spanText(spanMs: number): string {
  return spanMs < daysFromMs
    ? `${Math.ceil(spanMs / hourMs)} hours`
    : `${Math.ceil(spanMs / (24 * hourMs))} days`;
}
