import type { StoredRevision } from './revision-store.ts';

/** What is to be written, of what was written before; undefined: nothing. */
type Change = (before: StoredRevision | undefined) => StoredRevision | undefined;

/** Several write parts of one document: each begins with what the one before has written. */
export function serialWrites(
  write: (change: Change) => Promise<void>,
): (change: Change) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (change) => {
    const run = last.then(() => write(change));
    last = run.catch(() => {});
    return run;
  };
}
