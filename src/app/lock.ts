import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { ChanceryError } from '../base/error.ts';

/** Who holds a mesh's folder. The start time tells a recycled pid from the real holder. */
interface Holder {
  readonly pid: number;
  readonly startTime: string;
}

/**
 * One `up` per intent folder. A lock left by a process that is gone is taken over; the returned function
 * releases it.
 */
export function takeLock(lockFile: string): () => void {
  const own: Holder = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' };
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      writeFileSync(lockFile, JSON.stringify(own), { flag: 'wx', mode: 0o600 });
      return () => rmSync(lockFile, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = readHolder(lockFile);
    if (holder !== undefined && startTimeOf(holder.pid) === holder.startTime) throw taken(holder);
    rmSync(lockFile, { force: true });
  }
  throw new Error(`the lock "${lockFile}" changes hands too fast`);
}

function readHolder(lockFile: string): Holder | undefined {
  try {
    const value = JSON.parse(readFileSync(lockFile, 'utf8')) as Partial<Holder>;
    return typeof value.pid === 'number' && typeof value.startTime === 'string'
      ? { pid: value.pid, startTime: value.startTime }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot; undefined when there is no such process. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function taken(holder: Holder): ChanceryError {
  return new ChanceryError({
    code: 'CH5403',
    message: `this mesh is up already, as process ${holder.pid}`,
    help: `watch it with: chancery status    end it with: kill ${holder.pid}`,
  });
}
