import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from './layout.ts';

/** Held by the control plane of a folder for as long as its process lives. */
export function serverLock({ stateDir }: Pick<Layout, 'stateDir'>): string {
  return join(stateDir, 'server.lock');
}

/**
 * The process of the control plane that runs in this folder; undefined: none does, or none that is seen from here. The
 * kernel is asked, not the lock: whoever tried to take it would keep a control plane from starting for that moment.
 */
export function serverHolder(layout: Pick<Layout, 'stateDir'>): number | undefined {
  try {
    const path = serverLock(layout);
    const [pid, { ino }] = [readFileSync(path, 'utf8').trim(), statSync(path)];
    // proc_locks(5): a number, the kind twice, the access, who, and major:minor:inode.
    const held = new RegExp(
      `^\\d+: FLOCK +ADVISORY +WRITE ${pid} [0-9a-f]+:[0-9a-f]+:${ino} `,
      'm',
    );
    return /^\d+$/.test(pid) && held.test(readFileSync('/proc/locks', 'utf8'))
      ? Number(pid)
      : undefined;
  } catch {
    return undefined;
  }
}
