/** A day and two hours: a job of every night counts as traffic. */
export const trafficWindowMinutes = 26 * 60;

export const hourMs = 3_600_000;
const usualHours = Math.ceil(trafficWindowMinutes / 60);

/** How much something was used, by the hour; it is used while any of them is in the window. */
export interface UseByHour {
  readonly lastMs: number;
  /** Hours of the epoch, oldest first. */
  readonly counts: readonly (readonly [hour: number, requests: number])[];
}

/** What a person is told of it. */
export interface Use {
  readonly requests: number;
  readonly lastMs: number;
}

export function used(
  before: UseByHour | undefined,
  requests: number,
  nowMs: number,
  hours: number = usualHours,
): UseByHour {
  const hour = Math.floor(nowMs / hourMs);
  const counts = (before?.counts ?? []).filter(([one]) => one > hour - hours);
  const last = counts.at(-1);
  const next =
    last?.[0] === hour
      ? [...counts.slice(0, -1), [hour, last[1] + requests] as const]
      : [...counts, [hour, requests] as const];
  return { lastMs: nowMs, counts: next };
}

/** Undefined: not within the window. */
export function useIn(use: UseByHour | undefined, nowMs: number): Use | undefined {
  if (use === undefined || nowMs - use.lastMs > trafficWindowMinutes * 60_000) return undefined;
  const from = Math.floor(nowMs / hourMs) - usualHours;
  const requests = use.counts.reduce((sum, [hour, count]) => (hour < from ? sum : sum + count), 0);
  return { requests, lastMs: use.lastMs };
}

/** Undefined: not since then. The hour that it falls into counts as a whole. */
export function useSince(
  use: UseByHour,
  sinceMs: number,
): (Use & { readonly firstMs: number }) | undefined {
  const from = Math.floor(sinceMs / hourMs);
  const counts = use.counts.filter(([hour]) => hour >= from);
  const [first] = counts;
  if (first === undefined) return undefined;
  const requests = counts.reduce((sum, [, count]) => sum + count, 0);
  return { requests, firstMs: first[0] * hourMs, lastMs: use.lastMs };
}

/** What several were told of the same. */
export function together(uses: readonly (Use | undefined)[]): Use | undefined {
  const seen = uses.filter((use) => use !== undefined);
  if (seen.length === 0) return undefined;
  return {
    requests: seen.reduce((sum, { requests }) => sum + requests, 0),
    lastMs: Math.max(...seen.map(({ lastMs }) => lastMs)),
  };
}
