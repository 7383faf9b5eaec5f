import type { ControlPlane } from '../control-plane.ts';
import type { Gatekeeper } from '../gate/gatekeeper.ts';
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
}): LeaderPart {
  const { plane, source, gatekeeper, verdicts, revisions } = parts;
  const { follower, rollouts, fleet } = revisions;
  let unfollow = (): void => {};
  return {
    lead: async () => {
      await follower.catchUp();
      fleet.revised();
      if (follower.underWay !== undefined) rollouts.resume(follower.underWay);
      const { intent } = plane;
      if (intent.kind === 'running') source.stand?.(intent.tree.commit);
      unfollow = await follow(source, gatekeeper, plane);
    },
    follow: async () => {
      unfollow();
      unfollow = () => {};
      rollouts.stop();
      await gatekeeper.settled();
      await verdicts.flushed();
      // What was accepted a moment ago and is not in the store is taken back.
      await follower.catchUp().catch(() => {});
    },
  };
}

/** Reads now and whenever the source says so; one reading at a time, and the last change is never missed. */
async function follow(
  source: IntentSource,
  gatekeeper: Gatekeeper,
  plane: ControlPlane,
): Promise<() => void> {
  let state: 'idle' | 'reading' | 'reading, and again' = 'idle';
  let isOver = false;
  const read = async (): Promise<void> => {
    if (state !== 'idle') {
      state = 'reading, and again';
      return;
    }
    do {
      state = 'reading';
      const reading = await source.read();
      // A repository that is away says nothing about a commit: what runs goes on, and the warnings say why.
      const saysNothing =
        reading.kind === 'unreadable' &&
        plane.intent.kind === 'running' &&
        (source.findings ?? []).length > 0;
      if (!saysNothing && !isOver) gatekeeper.offer(reading);
    } while ((state as string) === 'reading, and again' && !isOver);
    state = 'idle';
  };
  const unwatch = source.watch(() => void read());
  // A remote that does not answer holds nothing else up.
  const first = read();
  if (plane.intent.kind === 'empty') await first;
  return () => {
    isOver = true;
    unwatch();
  };
}
