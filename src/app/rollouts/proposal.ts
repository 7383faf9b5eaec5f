import type { WorkloadId } from '../../compile/inventory.ts';
import type { Compiled } from '../../compile/revision.ts';
import type { Intent } from '../../model/types.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import type { TouchedProxy } from '../../rollout/waves.ts';
import type { Commit } from '../publisher.ts';

/** What is to be led to all proxies. */
export interface Proposal {
  readonly intent: Intent;
  /** What a gate compiled of it, where one did. */
  readonly compiled: Compiled | undefined;
  readonly commit: Commit;
  readonly base: Commit;
  /** Everybody at once: the commit says that it cannot wait. */
  readonly urgent: boolean;
  /** It takes permissions away on purpose. */
  readonly denialsExpected: boolean;
  /** The same commit as this version of the control plane compiles it; undefined: a commit that came. */
  readonly compiledBy?: string;
  /** What it brings along: who had that, or bore it, is rather first than others. */
  readonly ahead?: Rollout | undefined;
}

/** What a rollout does to the mesh. */
export interface RolloutPlane {
  /** Whom it changes something for. */
  propose(intent: Intent, commit: Commit, compiled: Compiled | undefined): readonly TouchedProxy[];
  reach(proxies: ReadonlySet<WorkloadId>): void;
  settle(): void;
  withdraw(commit: string, reason: string | undefined): void;
}
