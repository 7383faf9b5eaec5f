import type { ControlPlane } from './control-plane.ts';
import type { IntentSource } from './intent-source.ts';
import type { Replica } from './replicas/replica.ts';

/** What comes must stand on what was accepted, and need not on what was taken back. */
export function tellSource(
  source: IntentSource,
  plane: ControlPlane,
  replica: Pick<Replica, 'isLeading'>,
): () => void {
  // A copy that begins later than a commit cannot tell of it.
  if (!replica.isLeading) void source.keepUp?.();
  return plane.events.follow((event) => {
    const { intent } = plane;
    if (!replica.isLeading || intent.kind === 'empty') return;
    const isBack = event.kind === 'rollout' && event.rollout.state.kind === 'taken-back';
    if (event.kind === 'accepted' || isBack) void source.accepted?.(intent.tree.commit);
  });
}
