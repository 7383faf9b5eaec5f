import { resolve } from 'node:path';
import { ChanceryError } from '../base/error.ts';
import { lockFile } from '../store/file-lock.ts';
import type { Layout } from './layout.ts';
import { serverLock } from './server-holder.ts';

/**
 * One control plane to a folder, and one to a SQLite store: a second one would take the socket of operators and the lead
 * from the first, which nobody would tell. Taken before anything is opened; a process that ends gives it back.
 */
export function beOnlyServer(layout: Layout, store: string | undefined): () => void {
  const own =
    store === undefined || /^postgres(ql)?:/.test(store) ? [] : [`${resolve(store)}.lock`];
  const released: (() => void)[] = [];
  for (const path of [serverLock(layout), ...own]) {
    const locked = lockFile(path);
    if (!locked.ok) {
      for (const release of released) release();
      throw taken(path, locked.error);
    }
    released.push(locked.value);
  }
  return () => {
    for (const release of released) release();
  };
}

function taken(path: string, pid: number): ChanceryError {
  const who = pid === 0 ? '' : `, as process ${pid}`;
  return new ChanceryError({
    code: 'CH5403',
    message: `a control plane runs here already${who}`,
    found: `it has ${path}`,
    help: 'chancery status DIR shows how it is; end it first, or give this one a folder and a store of its own',
  });
}
