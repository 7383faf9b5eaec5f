import type { WorkloadId } from '../compile/inventory.ts';
import { type Rollout, reached } from './rollout.ts';
import { isNew, planWaves, type TouchedProxy } from './waves.ts';

/** Everybody at once, but for what is new: nobody is to call what is not up. */
export function wavesAtOnce(touched: readonly TouchedProxy[]): Rollout['waves'] {
  const [fresh, running] = [touched.filter(isNew), touched.filter((one) => !isNew(one))];
  return [fresh, running]
    .map((wave) => wave.map(({ proxy }) => proxy))
    .filter((wave) => wave.length > 0);
}

/**
 * Whoever had what was under way `before` is in the first wave, together with those who are first for this commit; only what
 * is new comes before them, for they may call it.
 */
export function wavesAfter(
  before: Rollout | undefined,
  touched: readonly TouchedProxy[],
  commit: string,
  requestsOf: (proxy: WorkloadId) => number,
): Rollout['waves'] {
  const ahead = before === undefined ? new Set<WorkloadId>() : reached(before);
  const fresh = touched.filter(isNew).map(({ proxy }) => proxy);
  const running = touched.filter((one) => !isNew(one));
  const again = running.flatMap(({ proxy }) => (ahead.has(proxy) ? [proxy] : []));
  const others = running.filter(({ proxy }) => !ahead.has(proxy));
  const [first = [], ...rest] = planWaves(others, commit, requestsOf);
  return [fresh.sort(), [...again, ...first], ...rest].filter((wave) => wave.length > 0);
}
