import { closeSync, lstatSync, openSync, symlinkSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { adminSocket, type Layout, makeRunDir } from './layout.ts';

const lookEveryMs = 2_000;
/** O_PATH of open(2), for which Node has no name: a socket file cannot be opened otherwise. */
const placeOnly = 0o10000000;

interface Held {
  readonly fd: number;
  readonly file: string;
}

/**
 * Keeps the admin sockets of this machine's proxies to be found, until the returned function is called. An Envoy cannot make
 * its socket again without ending. But whoever holds the file still reaches it, so that in the place of one that was removed
 * comes a link to what this process holds, which lives as long as the proxies.
 */
export function keepAdminSockets(
  layout: Layout,
  clock: Pick<Clock, 'after'>,
  workloads: () => readonly string[],
): () => void {
  const held = new Map<string, Held>();
  const drop = (path: string): void => {
    const one = held.get(path);
    held.delete(path);
    if (one !== undefined) closeSync(one.fd);
  };
  const look = (path: string): void => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    const before = held.get(path);
    if (stat?.isSocket()) {
      const file = `${stat.dev}:${stat.ino}:${stat.birthtimeMs}`;
      if (before?.file === file) return;
      drop(path);
      held.set(path, { fd: openSync(path, placeOnly), file });
    } else if (stat === undefined && before !== undefined) {
      makeRunDir(layout);
      symlinkSync(`/proc/${process.pid}/fd/${before.fd}`, path);
    }
  };
  let cancel = (): void => {};
  const round = (): void => {
    const paths = new Set(workloads().map((id) => adminSocket(layout, id)));
    for (const path of held.keys()) if (!paths.has(path)) drop(path);
    for (const path of paths) {
      try {
        look(path);
      } catch {
        // The agent tells of a proxy that it does not see; the next look may find it.
      }
    }
    cancel = clock.after(lookEveryMs, round);
  };
  round();
  return () => {
    cancel();
    for (const path of held.keys()) drop(path);
  };
}
