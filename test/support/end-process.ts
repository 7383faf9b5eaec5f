import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Resolves when it has ended, with how long that took: at once where it has, or was never started. */
export async function endProcess(
  child: ChildProcess | undefined,
  signal: NodeJS.Signals,
): Promise<number> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return 0;
  const beganMs = performance.now();
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
  return performance.now() - beganMs;
}
