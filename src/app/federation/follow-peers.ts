import { type Log, problemFields } from '../../base/log.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Federation } from './federation.ts';

/** Peers that are believed, now and whenever another commit runs or is on its way. */
export async function followPeers(
  plane: ControlPlane,
  federation: Federation,
  log: Log,
): Promise<() => void> {
  const unfollow = plane.onMoved(() => {
    federation.apply(plane.peers).catch((error: unknown) => {
      log.error('the store did not take the peers', { ...problemFields(error) });
    });
  });
  await federation.apply(plane.peers);
  return unfollow;
}
