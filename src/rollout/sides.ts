import type { WorkloadId } from '../compile/inventory.ts';
import { type Rollout, reached } from './rollout.ts';

/** Which commit a workload has: `next` if it is among `ahead`, else `base`. */
export interface Sides<Revision> {
  readonly base: Revision;
  /** Undefined: nothing is on its way. */
  readonly next: Revision | undefined;
  readonly ahead: ReadonlySet<WorkloadId>;
}

export function sidesOf(rollout: Rollout): Sides<string> {
  const { commit, base, state } = rollout;
  switch (state.kind) {
    case 'pushing':
    case 'watching':
    case 'halted':
      return { base, next: commit, ahead: reached(rollout) };
    case 'live':
      return { base: commit, next: undefined, ahead: new Set() };
    case 'taken-back':
      return { base, next: undefined, ahead: new Set() };
  }
}
