import { type Log, problemFields } from '../../base/log.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Federation } from './federation.ts';

/** Peers of the accepted intent, now and whenever there is another. */
export async function followPeers(
  plane: ControlPlane,
  federation: Federation,
  log: Log,
): Promise<() => void> {
  const peers = () =>
    plane.intent.kind === 'running' ? plane.intent.intent.mesh.peers : new Map<never, never>();
  const unfollow = plane.events.follow(({ kind }) => {
    if (kind !== 'accepted') return;
    federation.apply(peers()).catch((error: unknown) => {
      log.error('the store did not take the peers', { ...problemFields(error) });
    });
  });
  await federation.apply(peers());
  return unfollow;
}
