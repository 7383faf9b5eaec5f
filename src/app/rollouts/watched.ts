import type { WorkloadId } from '../../compile/inventory.ts';
import { type Rollout, reached } from '../../rollout/rollout.ts';
import {
  hurt,
  type Signals,
  type Stretch,
  steadyPartsMin,
  sumOfSignals,
} from '../../rollout/signals.ts';
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
  return signals.between(proxy, startedMs - beforeMs, startedMs);
}

/**
 * What a proxy that has the commit does worse for it, in words; undefined: nothing, as far as anybody can tell. One of which
 * nothing is known from before, as after a restart of the control plane, is held against those that have not got it.
 */
export function whyWorse(
  watched: Watched,
  at: { readonly proxy: WorkloadId; readonly nowMs: number; readonly signals: SignalLog },
): string | undefined {
  const { rollout, denialsExpected, since } = watched;
  const { proxy, nowMs, signals } = at;
  const sinceMs = since.get(proxy) ?? rollout.startedMs;
  const beforeOf = (one: WorkloadId) => signalsBefore(signals, one, rollout.startedMs);
  // What goes wrong at the very moment of a change is in the report that had begun before it.
  const fromMs = Math.max(rollout.startedMs, sinceMs - reportMs);
  const partsOf = (one: WorkloadId) => signals.stretches(one, fromMs, nowMs);
  const ids = othersOf(watched, proxy);
  const others = (ids ?? []).flatMap((one): readonly Stretch[] => {
    const parts = partsOf(one);
    const after = sumOfSignals(parts);
    return after === undefined ? [] : [{ before: beforeOf(one) ?? after, after, parts }];
  });
  const before = beforeOf(proxy) ?? sumOfSignals(others.map(({ after }) => after));
  const parts = partsOf(proxy);
  const after = sumOfSignals(parts);
  if (before === undefined || after === undefined) return undefined;
  const isAlone = ids === undefined || (ids.length > 0 && others.length === 0);
  return hurt({ before, after, parts }, { denialsExpected, others: isAlone ? undefined : others });
}

/** Whether enough was reported of those that have requests to tell what lasts from a pause. */
export function isHeard(
  { rollout, since }: Watched,
  at: { readonly nowMs: number; readonly signals: SignalLog },
): boolean {
  const { nowMs, signals } = at;
  return [...reached(rollout)].every((proxy) => {
    const before = signalsBefore(signals, proxy, rollout.startedMs);
    if (before === undefined || before.requests === 0) return true;
    const sinceMs = since.get(proxy) ?? rollout.startedMs;
    return signals.stretches(proxy, sinceMs, nowMs).length > steadyPartsMin;
  });
}

/** Proxies of the same service that have not got it; undefined: it has no other. */
function othersOf(
  { rollout, touched }: Watched,
  proxy: WorkloadId,
): readonly WorkloadId[] | undefined {
  const ahead = reached(rollout);
  const own = touched.find((one) => one.proxy === proxy)?.service;
  const all = touched.filter(({ service }) => service === own).map((one) => one.proxy);
  return all.length < 2 ? undefined : all.filter((one) => !ahead.has(one));
}
