import { realpathSync, statSync } from 'node:fs';
import { ChanceryError } from '../base/error.ts';
import { folderMissing } from '../git/findings.ts';

/** The folder that was typed, with no link in its path: what a mesh is known by hangs on that. */
export function folderNamed(dir: string): string {
  try {
    const real = realpathSync(dir);
    if (statSync(real).isDirectory()) return real;
  } catch {
    // Not there, or behind a folder that may not be entered.
  }
  throw new ChanceryError(folderMissing(dir));
}
