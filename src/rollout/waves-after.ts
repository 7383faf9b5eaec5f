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
 * One proxy of each service is first, as of any commit: of those that had what was under way `before`, where there are
 * some; and where `before` was taken back, the one that bore it, for a commit that comes so soon may hold it again. All
 * others that had it go back until their wave comes, for nobody has looked at the two together. What is new comes before
 * all, for they may call it.
 */
export function wavesAfter(
  before: Rollout | undefined,
  touched: readonly TouchedProxy[],
  commit: string,
  requestsOf: (proxy: WorkloadId) => number,
): Rollout['waves'] {
  const ahead = before === undefined ? new Set<WorkloadId>() : bearers(before);
  const fresh = touched.filter(isNew).map(({ proxy }) => proxy);
  const running = touched.filter((one) => !isNew(one));
  const waves = planWaves(running, commit, requestsOf, (proxy) => ahead.has(proxy));
  return [fresh.sort(), ...waves].filter((wave) => wave.length > 0);
}

function bearers(before: Rollout): ReadonlySet<WorkloadId> {
  return before.state.kind === 'taken-back' ? new Set(before.waves[0]) : reached(before);
}
