import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { err, ok, type Result } from '../base/result.ts';

/** <sys/file.h>: LOCK_EX | LOCK_NB. */
const exclusiveAtOnce = 6;

/**
 * An flock that the kernel gives back with the process, whatever ends it, and that holds between containers which share
 * the folder. Errors: the process that has it, 0 where it is not known. The file stays: to remove it would let two hold
 * a lock of one name.
 */
export function lockFile(path: string): Result<() => void, number> {
  const flock = koffi.load(null).func('int flock(int, int)') as (fd: number, how: number) => number;
  const fd = openSync(path, 'a+', 0o600);
  if (flock(fd, exclusiveAtOnce) !== 0) {
    closeSync(fd);
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return err(Number.isNaN(pid) ? 0 : pid);
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  return ok(() => closeSync(fd));
}
