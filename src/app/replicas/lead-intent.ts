import type { Clock } from '../../base/clock.ts';
import type { ControlPlane } from '../control-plane.ts';
import { followIntent } from '../follow-intent.ts';
import type { Gatekeeper } from '../gate/gatekeeper.ts';
import { mendVerdicts } from '../gate/mend-verdicts.ts';
import type { Verdicts } from '../gate/verdicts.ts';
import type { IntentSource } from '../intent-source.ts';
import type { Revisions } from './open-revisions.ts';
import type { LeaderPart } from './role.ts';

/**
 * Goes on with what is under way, and follows the intent. It begins where the store says that the mesh is, whatever this
 * replica has taken of it so far, and whatever its copy of the repository holds.
 */
export function leadIntent(parts: {
  readonly plane: ControlPlane;
  readonly source: IntentSource;
  readonly gatekeeper: Gatekeeper;
  readonly verdicts: Verdicts;
  readonly revisions: Revisions;
  readonly clock: Clock;
}): LeaderPart {
  const { plane, source, gatekeeper, verdicts, revisions, clock } = parts;
  const { follower, rollouts, upgrades, fleet } = revisions;
  let unfollow = (): void => {};
  return {
    lead: async () => {
      await follower.catchUp();
      if (revisions.yields()) return;
      await revisions.abandonUnread();
      fleet.revised();
      mendVerdicts({ verdicts, plane, rollout: follower.rollout, nowMs: clock.nowMs() });
      if (follower.underWay !== undefined) rollouts.resume(follower.underWay);
      const { intent } = plane;
      if (intent.kind === 'running') source.stand?.(intent.tree.commit);
      upgrades.lead();
      unfollow = await followIntent({ source, gatekeeper, plane, clock });
    },
    follow: async () => {
      unfollow();
      unfollow = () => {};
      rollouts.stop();
      await upgrades.follow();
      await gatekeeper.settled();
      await verdicts.flushed();
      // What was accepted a moment ago and is not in the store is taken back.
      await follower.catchUp().catch(() => {});
    },
  };
}
