import type { WorkloadId } from '../../compile/inventory.ts';
import { hurt, thresholds } from '../../rollout/judgement.ts';
import { calmUntil, type Rollout, reached } from '../../rollout/rollout.ts';
import { type Signals, sumOfSignals } from '../../rollout/signals.ts';
import type { Everywhere, Stretch } from '../../rollout/stretch.ts';
import type { TouchedProxy } from '../../rollout/waves.ts';
import type { SignalLog } from './signal-log.ts';

/** A rollout as far as its proxies are looked at. */
export interface Watched {
  readonly rollout: Rollout;
  readonly denialsExpected: boolean;
  readonly touched: readonly TouchedProxy[];
  /** When its wave came to each proxy. */
  readonly since: ReadonlyMap<WorkloadId, number>;
}

/** While a commit is on its way: soon enough to stop the next wave. */
export const lookCloseMs = 500;
/** From one report to the next, when the host is busy. */
export const reportMs = 2 * lookCloseMs;
/** What a proxy counted in this time before a commit is what it is held against. */
const beforeMs = 60_000;

export function signalsBefore(
  signals: SignalLog,
  proxy: WorkloadId,
  startedMs: number,
): Signals | undefined {
  return sumOfSignals(partsBefore(signals, proxy, startedMs));
}

function partsBefore(signals: SignalLog, proxy: WorkloadId, startedMs: number): readonly Signals[] {
  return signals.stretches(proxy, startedMs - beforeMs, startedMs);
}

interface Moment {
  readonly nowMs: number;
  readonly signals: SignalLog;
}

/** All that is looked up to judge the proxies of a rollout at one moment. */
interface Look extends Moment {
  readonly watched: Watched;
  /** Of each proxy that the commit touches, all of its service. */
  readonly service: (proxy: WorkloadId) => readonly WorkloadId[];
  readonly sinceMs: (proxy: WorkloadId) => number;
  /** The commit may well be why it gets no requests, and means it. */
  readonly mayCease: (proxy: WorkloadId) => boolean;
  readonly everywhere: (proxy: WorkloadId) => AllOfService;
}

/** A service since the last of its proxies got the commit. */
interface AllOfService {
  readonly stretches: () => ReadonlyMap<WorkloadId, Stretch>;
  readonly isFresh: (proxy: WorkloadId) => boolean;
  readonly stretch: (proxy: WorkloadId) => Stretch | undefined;
}

/**
 * Of each proxy that has the commit what it does worse for it, in words; undefined: nothing, as far as anybody can tell. One
 * of which nothing is known from before, as after a restart, is held against those that have not got it.
 */
export function judgeOf(
  watched: Watched,
  moment: Moment,
): (proxy: WorkloadId) => string | undefined {
  const look = lookOf(watched, moment);
  const { signals, nowMs } = moment;
  const { startedMs } = watched.rollout;
  const calmMs = calmUntil(watched.rollout);
  const ahead = reached(watched.rollout);
  const untouched = once(() => untouchedBy(watched, signals));
  return (proxy) => {
    const fromMs = reportedFromMs(watched, look.sinceMs(proxy));
    const parts = signals.stretches(proxy, fromMs, nowMs);
    const after = sumOfSignals(parts);
    if (after === undefined) return undefined;
    const all = look.service(proxy);
    const ids = all.length < 2 ? undefined : all.filter((one) => !ahead.has(one));
    const others = once(() => othersOf(look, ids, fromMs));
    const beforeParts = partsBefore(signals, proxy, calmMs);
    const before =
      sumOfSignals(beforeParts) ??
      sumOfSignals((others() ?? []).map((other) => other.after)) ??
      // Commits that took each other's place for so long that nobody knows what was before them.
      signalsBefore(signals, proxy, startedMs);
    if (before === undefined) return undefined;
    const everywhere = once((): Everywhere | undefined => {
      if (ids !== undefined && ids.length > 0) return undefined;
      const { stretches, isFresh, stretch } = look.everywhere(proxy);
      const own = stretch(proxy);
      const which = (fresh: boolean): readonly Stretch[] =>
        [...stretches()].flatMap(([one, its]) => (isFresh(one) === fresh ? [its] : []));
      const rest = (): readonly Stretch[] => untouched().flatMap((one) => stretch(one) ?? []);
      return (
        own && { own, fresh: () => which(true), ahead: () => which(false), untouched: once(rest) }
      );
    });
    const { denialsExpected } = watched;
    const meant = { denialsExpected, mayCease: look.mayCease(proxy) };
    return hurt({ before, beforeParts, after, parts }, { others, everywhere }, meant);
  };
}

function lookOf(watched: Watched, moment: Moment): Look {
  const { touched, since, rollout } = watched;
  const services = [...Map.groupBy(touched, (one) => one.service).values()].map((proxies) =>
    proxies.map(({ proxy }) => proxy),
  );
  const byProxy = new Map(services.flatMap((all) => all.map((proxy) => [proxy, all] as const)));
  const service = (proxy: WorkloadId): readonly WorkloadId[] => byProxy.get(proxy) ?? [];
  const sinceMs = (proxy: WorkloadId): number => since.get(proxy) ?? rollout.startedMs;
  const known = new Map<readonly WorkloadId[], AllOfService>();
  const everywhere = (proxy: WorkloadId): AllOfService => {
    const all = service(proxy);
    const made = known.get(all) ?? allOf(watched, moment, all, sinceMs);
    known.set(all, made);
    return made;
  };
  const ceasing = new Set(
    touched.flatMap(({ proxy, run, mayCease }) =>
      mayCease === true || run !== undefined ? [proxy] : [],
    ),
  );
  const mayCease = (proxy: WorkloadId): boolean => ceasing.has(proxy);
  return { ...moment, watched, service, sinceMs, mayCease, everywhere };
}

/** Each is also held against the time until the last ones got it: what came before that is not of that. */
function allOf(
  watched: Watched,
  { signals, nowMs }: Moment,
  proxies: readonly WorkloadId[],
  sinceMs: (proxy: WorkloadId) => number,
): AllOfService {
  const lastMs = Math.max(...proxies.map(sinceMs));
  const fromMs = reportedFromMs(watched, lastMs);
  const { startedMs } = watched.rollout;
  const made = new Map<WorkloadId, Stretch | undefined>();
  const stretch = (proxy: WorkloadId): Stretch | undefined => {
    if (!made.has(proxy)) {
      const beforeParts = partsBefore(signals, proxy, calmUntil(watched.rollout));
      const before = sumOfSignals(beforeParts);
      const meanwhile = signals.between(proxy, startedMs, fromMs);
      const parts = signals.stretches(proxy, fromMs, nowMs);
      const after = sumOfSignals(parts);
      made.set(proxy, before && after && { before, beforeParts, meanwhile, after, parts });
    }
    return made.get(proxy);
  };
  const stretches = once(
    () =>
      new Map(
        proxies.flatMap((one): readonly (readonly [WorkloadId, Stretch])[] => {
          const its = stretch(one);
          return its === undefined ? [] : [[one, its]];
        }),
      ),
  );
  return { stretch, stretches, isFresh: (proxy) => sinceMs(proxy) === lastMs };
}

/** Those of the same service without the commit, over the same time; undefined: it has no other, or nothing is known of any. */
function othersOf(
  { watched, signals, nowMs }: Look,
  ids: readonly WorkloadId[] | undefined,
  fromMs: number,
): readonly Stretch[] | undefined {
  const known = (ids ?? []).flatMap((one): readonly Stretch[] => {
    const parts = signals.stretches(one, fromMs, nowMs);
    const after = sumOfSignals(parts);
    if (after === undefined) return [];
    const beforeParts = partsBefore(signals, one, calmUntil(watched.rollout));
    return [{ before: sumOfSignals(beforeParts) ?? after, beforeParts, after, parts }];
  });
  const isAlone = ids === undefined || (ids.length > 0 && known.length === 0);
  return isAlone ? undefined : known;
}

function untouchedBy({ touched }: Watched, signals: SignalLog): readonly WorkloadId[] {
  const ofCommit = new Set(touched.map(({ proxy }) => proxy));
  return signals.proxies.filter((proxy) => !ofCommit.has(proxy));
}

/** What goes wrong at the very moment of a change is in the report that had begun before it. */
function reportedFromMs({ rollout }: Watched, changedMs: number): number {
  return Math.max(rollout.startedMs, changedMs - reportMs);
}

/** Only where a proxy does worse anybody else is looked at, and then for each kind of trouble. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Whether enough was reported of those that have requests to tell what lasts from a pause. */
export function isHeard({ rollout, since }: Watched, { nowMs, signals }: Moment): boolean {
  return [...reached(rollout)].every((proxy) => {
    const before = signalsBefore(signals, proxy, calmUntil(rollout));
    if (before === undefined || before.requests === 0) return true;
    const sinceMs = since.get(proxy) ?? rollout.startedMs;
    return signals.stretches(proxy, sinceMs, nowMs).length > thresholds.steadyPartsMin;
  });
}
