import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { isIntentPath, servicesFolder } from './intent-path.ts';
import { watchFiles } from './watch-files.ts';

/** Editors save by several steps (write, rename, change mode), done within a few milliseconds. */
const quietMs = 50;

/**
 * Calls back when intent files of the folder were written, added or removed, once for the several steps of a save.
 * It survives folders that vanish and come back. The caller begins the watch and then reads the folder, so that no
 * save falls between the two; the returned function ends the watch.
 */
export function watchWorkingTree(
  dir: string,
  onChange: () => void,
  options: { readonly clock: Clock; readonly events?: boolean },
): () => void {
  const { clock, events = true } = options;
  let closed = false;
  let last = fingerprint(dir);
  const look = async (): Promise<void> => {
    const mark = fingerprint(dir);
    const changed = mark !== last;
    last = mark;
    if (changed && !closed) onChange();
  };
  const files = watchFiles({ clock, quietMs, look, events });
  files.watch([dir, join(dir, servicesFolder)]);
  return () => {
    closed = true;
    files.close();
  };
}

/** Names, sizes, times and inodes of the intent files: any save changes one of them. */
function fingerprint(dir: string): string {
  const below = namesIn(join(dir, servicesFolder)).map((name) => `${servicesFolder}/${name}`);
  const marks: string[] = [];
  for (const path of [...namesIn(dir), ...below].filter(isIntentPath).sort()) {
    const facts = lstatSync(join(dir, path), { bigint: true, throwIfNoEntry: false });
    if (facts !== undefined) marks.push(`${path} ${facts.size} ${facts.mtimeNs} ${facts.ino}`);
  }
  return marks.join('\n');
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
