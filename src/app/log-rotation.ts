import { renameSync, statSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { EnvoyAdmin } from '../envoy/admin.ts';
import { accessLog, adminSocket, type Layout } from './layout.ts';

/** Some 100,000 requests; one older file is kept beside it. */
const accessLogBytesMax = 64 * 1024 * 1024;
const lookEveryMs = 10_000;

/** Keeps the access logs of this machine's proxies bounded, until the returned function is called. */
export function rotateAccessLogs(
  layout: Layout,
  clock: Clock,
  workloads: () => readonly string[],
): () => void {
  const files = new Map<string, number>();
  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    const present = new Set(workloads());
    for (const workload of files.keys()) if (!present.has(workload)) files.delete(workload);
    for (const workload of present) await rotate(layout, workload, files).catch(() => {});
    cancel = clock.after(lookEveryMs, () => void look());
  };
  cancel = clock.after(lookEveryMs, () => void look());
  return () => cancel();
}

/** `files`: which one each proxy writes to, as far as it was seen. */
async function rotate(layout: Layout, workload: string, files: Map<string, number>): Promise<void> {
  const path = accessLog(layout, workload);
  const stat = statSync(path, { throwIfNoEntry: false });
  const known = files.get(workload);
  if (stat !== undefined && stat.size >= accessLogBytesMax) renameSync(path, `${path}.1`);
  else if (known === undefined || known === stat?.ino) {
    if (stat !== undefined) files.set(workload, stat.ino);
    return;
  }
  // Envoy writes on into what was renamed or removed, where nobody bounds it, until it is told; nothing is lost in between.
  const told = await new EnvoyAdmin({
    kind: 'socket',
    path: adminSocket(layout, workload),
  }).reopenLogs();
  if (told.ok) files.delete(workload);
}
