import type { Finding } from '../../base/finding.ts';
import type { Rollout, RolloutState } from '../../rollout/rollout.ts';

/** What a person must know of the last rollout: that it is halted, or that the branch still holds what was taken back. */
export function rolloutFindings(last: Rollout): readonly Finding[] {
  const { state } = last;
  if (state.kind === 'halted') return [haltedFinding(last, state)];
  if (state.kind !== 'taken-back' || !('problem' in state.branch)) return [];
  return state.branch.problem === undefined ? [] : [state.branch.problem];
}

/** A mesh of two revisions is nothing to forget over lunch. */
function haltedFinding(
  { commit, waves }: Rollout,
  { wave, by }: RolloutState & { readonly kind: 'halted' },
): Finding {
  const at = `wave ${wave + 1} of ${Math.max(1, waves.length)}`;
  return {
    code: 'CH4223',
    severity: 'warning',
    message: `the revision ${commit.slice(0, 12)} is halted at ${at} by ${by}, and nobody else gets it`,
    help: 'chancery revision resume goes on with it, chancery revision rollback takes it back',
  };
}
