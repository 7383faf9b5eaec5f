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
  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    for (const workload of workloads()) await rotate(layout, workload);
    cancel = clock.after(lookEveryMs, () => void look());
  };
  cancel = clock.after(lookEveryMs, () => void look());
  return () => cancel();
}

async function rotate(layout: Layout, workload: string): Promise<void> {
  const file = accessLog(layout, workload);
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size < accessLogBytesMax) return;
  renameSync(file, `${file}.1`);
  // Envoy writes on into the renamed file until it is told; nothing is lost in between.
  await new EnvoyAdmin({ kind: 'socket', path: adminSocket(layout, workload) }).reopenLogs();
}
