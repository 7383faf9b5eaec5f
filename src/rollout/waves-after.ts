import type { WorkloadId } from '../compile/inventory.ts';
import { type Rollout, reached } from './rollout.ts';
import { planWaves, type TouchedProxy } from './waves.ts';

/** Whoever had what was under way `before` is in the first wave, together with those who are first for this commit. */
export function wavesAfter(
  before: Rollout | undefined,
  touched: readonly TouchedProxy[],
  commit: string,
  requestsOf: (proxy: WorkloadId) => number,
): Rollout['waves'] {
  const ahead = before === undefined ? new Set<WorkloadId>() : reached(before);
  const again = touched.flatMap(({ proxy }) => (ahead.has(proxy) ? [proxy] : []));
  const others = touched.filter(({ proxy }) => !ahead.has(proxy));
  const [first = [], ...rest] = planWaves(others, commit, requestsOf);
  return [[...again, ...first], ...rest].filter((wave) => wave.length > 0);
}
