import type { Signals } from './signals.ts';

/** What a proxy counted before a change, and since: in all, and from each report to the next. */
export interface Stretch {
  readonly before: Signals;
  readonly beforeParts: readonly Signals[];
  readonly after: Signals;
  readonly parts: readonly Signals[];
  /** Of a change that came to others first: from then until it came here, which is not to be worse than that time either. */
  readonly meanwhile?: Signals | undefined;
}

/** A service since the last of its proxies got a change, each held against itself until then. */
export interface Everywhere {
  readonly own: Stretch;
  /** Those that got it then. */
  readonly fresh: () => readonly Stretch[];
  /** Those that had it already, and for which nothing changed then. */
  readonly ahead: () => readonly Stretch[];
  /** Proxies that the commit changes nothing for. */
  readonly untouched: () => readonly Stretch[];
}

/** Whom a proxy is held against; asked only where it does worse. */
export interface Witnesses {
  /** Proxies of the same service without the change; undefined: it is the only one. */
  readonly others: () => readonly Stretch[] | undefined;
  /** Undefined: some of its proxies have not got the change, or nothing is known from before. */
  readonly everywhere: () => Everywhere | undefined;
}

/** How probable it is to count so many or more where `mean` are expected. */
export function poissonTail(count: number, mean: number): number {
  if (count <= mean) return 1;
  // Beyond the mean each term is smaller than the one before by a factor that falls; the sum of the first is near all.
  const ratio = mean / (count + 1);
  return Math.exp(logTerm(count, mean)) / (1 - ratio);
}

/** How probable it is to count so few where `mean` are expected. */
export function poissonHead(count: number, mean: number): number {
  if (count >= mean) return 1;
  // Below the mean each term is smaller than the one after it.
  const ratio = count / mean;
  return Math.min(1, Math.exp(logTerm(count, mean)) / (1 - ratio));
}

function logTerm(count: number, mean: number): number {
  let log = -mean;
  for (let k = 1; k <= count; k += 1) log += Math.log(mean) - Math.log(k);
  return log;
}
