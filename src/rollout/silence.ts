import type { Signals } from './signals.ts';
import { poissonHead, type Stretch, type Witnesses } from './stretch.ts';

/** All that decides when a proxy has lost its requests. */
const silenceLimits = {
  /** Of the pace before: what is left where nobody calls any more but those who look whether it is there. */
  shareMax: 0.1,
  /** A shorter pause is one of the machine, or of who calls. */
  forMsMin: 2_500,
  partsMin: 3,
  /** What comes in bursts or is on its way down by itself is known only where it was looked at for a while. */
  before: {
    forMsMin: 10_000,
    partsMin: 3,
    /** A part with less of the usual pace is a pause; so much of the time may be pauses. */
    busyShareMin: 0.25,
    pausesMax: 0.1,
    /** The lowest of so many parts of the time is what is expected: what falls anyway is expected to have fallen. */
    spans: 3,
  },
  /** Requests that come in groups are as many fewer: the least of what their scatter is taken for. */
  scatterMin: 2,
  /** So rarely is it what chance makes of the traffic before. */
  chanceMax: 1e-5,
  /** Others keep their requests: so much of their pace, and no more than so many of them fall silent, too. */
  others: {
    keptShareMin: 0.5,
    silentShareMax: 0.25,
    /** Whose requests come in bursts has pauses, too, if not just now. */
    pauseShareMin: 0.5,
  },
  /** Where all proxies of a service have the change. */
  everywhere: {
    /** It begins with the change; an hour later it is the night. */
    soonMs: 5_000,
    freshShareMin: 0.25,
    silentShareMin: 0.5,
  },
} as const;

interface Silence {
  readonly counted: number;
  readonly expected: number;
  readonly overMs: number;
  /** From the change until it began. */
  readonly afterMs: number;
}

/**
 * Why it is said that a proxy has lost its requests, in words; undefined: it has them, never had enough of them to tell, or it
 * may be those who send them. Nothing else tells of a commit after which nobody calls: no request, no error.
 */
export function lostRequests(own: Stretch, witnesses: Witnesses): string | undefined {
  const silence = silenceOf(own);
  if (silence === undefined) return undefined;
  const who = othersWithTheirs(silence, witnesses);
  if (who === undefined) return undefined;
  const { counted, expected, overMs } = silence;
  const found = counted === 0 ? 'no requests any more' : `only ${counted} requests`;
  const lasted = `${(overMs / 1_000).toFixed(1)} s`;
  return `${found} in ${lasted}, where ${Math.round(expected)} are to be expected by the time before; ${who} still have theirs`;
}

/** Who shows that it is the change; undefined: nobody. */
function othersWithTheirs(own: Silence, { others, everywhere }: Witnesses): string | undefined {
  const without = others();
  if (without !== undefined && without.length > 0) {
    const isOwn = keepTheirs(without, own) && !pauseAsLong(without, own);
    return isOwn ? 'proxies of the service without it' : undefined;
  }
  const all = everywhere();
  if (all === undefined) return undefined;
  const silence = silenceOf(all.own);
  if (silence === undefined || !beganWithIt(all.own, silence)) return undefined;
  const { freshShareMin, silentShareMin } = silenceLimits.everywhere;
  const [fresh, ahead] = [all.fresh(), all.ahead()];
  const isOfTheLast = fresh.includes(all.own) && quietShare(fresh, silence) >= freshShareMin;
  if (isOfTheLast && keepTheirs(ahead, silence)) return 'proxies of the service that had it before';
  const isOfService = quietShare([...fresh, ...ahead], silence) >= silentShareMin;
  return isOfService && keepTheirs(all.untouched(), silence)
    ? 'proxies that it does not touch'
    : undefined;
}

/** Of those that are known well enough to tell, how many have next to nothing for as long, until now. */
function quietShare(all: readonly Stretch[], { overMs }: Silence): number {
  const known = all.flatMap((one) => recent(one, overMs) ?? []);
  const quiet = known.filter(
    ({ counted, expected }) => counted <= expected * silenceLimits.shareMax,
  );
  return known.length === 0 ? 0 : quiet.length / known.length;
}

function keepTheirs(all: readonly Stretch[], silence: Silence): boolean {
  const { keptShareMin, silentShareMax } = silenceLimits.others;
  const known = all.flatMap((one) => recent(one, silence.overMs) ?? []);
  const expected = sum(known, (one) => one.expected);
  const isKept = expected > 0 && sum(known, (one) => one.counted) >= expected * keptShareMin;
  return isKept && quietShare(all, silence) < silentShareMax;
}

/** Reports of calm times hide pauses that are shorter than they are; those of now show them. */
function pauseAsLong(all: readonly Stretch[], { overMs }: Silence): boolean {
  const { pauseShareMin, silentShareMax } = silenceLimits.others;
  const pausing = all.filter((one) => longestPauseMs(one) >= overMs * pauseShareMin);
  return pausing.length >= all.length * silentShareMax;
}

function longestPauseMs({ parts, beforeParts }: Stretch): number {
  const usual = usualOf(beforeParts);
  if (usual === undefined) return 0;
  let [longestMs, pauseMs] = [0, 0];
  for (const part of parts) {
    pauseMs = isQuiet(part, usual) ? pauseMs + part.overMs : 0;
    longestMs = Math.max(longestMs, pauseMs);
  }
  return longestMs;
}

/** What was counted lately, for so long, and what was to be expected; undefined: it is not known well enough. */
function recent(
  { parts, beforeParts }: Stretch,
  forMs: number,
): { readonly counted: number; readonly expected: number } | undefined {
  const usual = usualOf(beforeParts);
  if (usual === undefined) return undefined;
  const last = lastOf(parts, forMs);
  const expected = usual.perMs * sum(last, (part) => part.overMs);
  return { counted: sum(last, (part) => part.requests), expected };
}

/**
 * Where nobody is left without it, a pause counts only if none as long can hide in what is known from before, and if it began
 * when the change came.
 */
function beganWithIt({ beforeParts, meanwhile }: Stretch, { overMs, afterMs }: Silence): boolean {
  const hiddenMs = Math.max(...beforeParts.map((part) => part.overMs));
  if (overMs < hiddenMs || afterMs > silenceLimits.everywhere.soonMs) return false;
  // It came to others first: the first report is of the time before it came here, and has requests.
  return meanwhile === undefined || afterMs > 0;
}

/** That it has had next to nothing since some moment after the change, and what it would have had. */
function silenceOf({ parts, beforeParts }: Stretch): Silence | undefined {
  const { forMsMin, partsMin, scatterMin, chanceMax } = silenceLimits;
  // Most have requests: nothing more is looked at of those.
  if (!mayBeSilent(parts, beforeParts)) return undefined;
  const usual = usualOf(beforeParts);
  if (usual === undefined) return undefined;
  const from = quietFrom(parts, usual);
  const silent = parts.slice(from);
  const overMs = sum(silent, (part) => part.overMs);
  if (silent.length < partsMin || overMs < forMsMin) return undefined;
  const counted = sum(silent, (part) => part.requests);
  const expected = usual.perMs * overMs;
  const scatter = Math.max(scatterMin, usual.scatter);
  if (poissonHead(Math.ceil(counted / scatter), expected / scatter) > chanceMax) return undefined;
  return { counted, expected, overMs, afterMs: sum(parts.slice(0, from), (part) => part.overMs) };
}

/** Where the time begins that is quiet as a whole, up to now; one request in it does not end it. */
function quietFrom(parts: readonly Signals[], usual: Usual): number {
  let [from, requests, overMs] = [parts.length, 0, 0];
  for (let at = parts.length - 1; at >= 0; at -= 1) {
    const part = parts[at];
    if (part === undefined) break;
    requests += part.requests;
    overMs += part.overMs;
    if (isQuiet(part, usual) && isQuiet({ requests, overMs }, usual)) from = at;
  }
  return from;
}

type Count = Pick<Signals, 'requests' | 'overMs'>;

function isQuiet({ requests, overMs }: Count, { perMs }: Usual): boolean {
  return requests <= perMs * overMs * silenceLimits.shareMax;
}

/** Whether the shortest silence would be one by the busiest time that is known: no less can be said without a closer look. */
function mayBeSilent(parts: readonly Signals[], beforeParts: readonly Signals[]): boolean {
  const last = lastOf(parts, silenceLimits.forMsMin);
  const perMs = Math.max(0, ...beforeParts.map((part) => part.requests / part.overMs));
  const most = perMs * silenceLimits.shareMax * sum(last, (part) => part.overMs);
  return last.length > 0 && sum(last, (part) => part.requests) <= most;
}

interface Usual {
  readonly perMs: number;
  /** How much more its counts vary than those of requests that know nothing of each other. */
  readonly scatter: number;
}

/** Undefined: it had too few requests, for too short a time, or with pauses. */
function usualOf(parts: readonly Signals[]): Usual | undefined {
  const { forMsMin, partsMin, busyShareMin, pausesMax, spans } = silenceLimits.before;
  const overMs = sum(parts, (part) => part.overMs);
  if (parts.length < partsMin || overMs < forMsMin) return undefined;
  const mean = sum(parts, (part) => part.requests) / overMs;
  const pauses = parts.filter((part) => part.requests < mean * part.overMs * busyShareMin);
  if (mean === 0 || sum(pauses, (part) => part.overMs) > overMs * pausesMax) return undefined;
  // What had ended before the change is not ended by it.
  if (paceOf(lastOf(parts, silenceLimits.forMsMin)) < mean * silenceLimits.others.keptShareMin)
    return undefined;
  const squares = sum(parts, (part) => (part.requests - mean * part.overMs) ** 2 / part.overMs);
  const scatter = squares / (parts.length - 1) / mean;
  return { perMs: Math.min(...spansOf(parts, spans).map(paceOf)), scatter };
}

/** The last of them, for so long at least. */
function lastOf(parts: readonly Signals[], forMs: number): readonly Signals[] {
  let [from, overMs] = [parts.length, 0];
  while (from > 0 && overMs < forMs) {
    from -= 1;
    overMs += parts[from]?.overMs ?? 0;
  }
  return parts.slice(from);
}

function spansOf(parts: readonly Signals[], count: number): readonly (readonly Signals[])[] {
  const size = Math.ceil(parts.length / count);
  return Array.from({ length: count }, (_, at) => parts.slice(at * size, (at + 1) * size)).filter(
    (span) => span.length > 0,
  );
}

function paceOf(parts: readonly Signals[]): number {
  return sum(parts, (part) => part.requests) / sum(parts, (part) => part.overMs);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
