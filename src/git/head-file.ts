import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommitId, parseCommitId } from './commit.ts';
import { packedRefsBytesMax, refFileBytesMax } from './limits.ts';

/** The two folders that make a repository; they differ only in a linked worktree. */
export interface GitFolders {
  /** Holds HEAD of this worktree. */
  readonly gitDir: string;
  /** Holds the branches, packed or loose. */
  readonly commonDir: string;
}

/**
 * What HEAD says, read from files alone. `commit`: it names this commit. `unborn`: its branch has no commit.
 * `busy`: a rebase or `git am` is moving it through commits that are not meant to be served.
 * `opaque`: the refs are kept in a form only git reads (reftable); `mark` changes when they do.
 * `gone`: there is no repository at the moment.
 */
export type HeadReading =
  | { readonly kind: 'commit'; readonly id: CommitId; readonly refFile: string | undefined }
  | { readonly kind: 'unborn'; readonly refFile: string }
  | { readonly kind: 'busy' }
  | { readonly kind: 'opaque'; readonly mark: string }
  | { readonly kind: 'gone' };

/** Branches may point to branches; git follows at most five steps (refs.c, SYMREF_MAXDEPTH). */
const symbolicStepsMax = 5;

/** Reads HEAD without starting git, cheap enough for every second. */
export async function readHeadFile(folders: GitFolders): Promise<HeadReading> {
  const head = await readSmall(join(folders.gitDir, 'HEAD'), refFileBytesMax);
  if (head === undefined) return { kind: 'gone' };
  for (const folder of ['rebase-merge', 'rebase-apply']) {
    if (await exists(join(folders.gitDir, folder))) return { kind: 'busy' };
  }
  const tables = await readSmall(join(folders.gitDir, 'reftable', 'tables.list'), refFileBytesMax);
  if (tables !== undefined) return { kind: 'opaque', mark: tables };
  return followRef(folders, head.trim());
}

async function followRef(folders: GitFolders, head: string): Promise<HeadReading> {
  let text = head;
  let refFile: string | undefined;
  let name = '';
  for (let step = 0; step <= symbolicStepsMax; step += 1) {
    const id = parseCommitId(text);
    if (id !== undefined) return { kind: 'commit', id, refFile };
    name = refName(text) ?? '';
    if (name === '') break;
    refFile = join(folders.commonDir, name);
    const loose = await readSmall(refFile, refFileBytesMax);
    // gc writes packed-refs before it takes the loose file away, so this order never misses the branch.
    text = loose?.trim() ?? (await readPacked(folders.commonDir, name)) ?? '';
    if (text === '') return { kind: 'unborn', refFile };
  }
  return { kind: 'gone' };
}

/** Undefined: no safe name of a ref. A name with `..` would read outside of the repository. */
function refName(text: string): string | undefined {
  const name = /^ref: (refs\/\S+)$/.exec(text)?.[1];
  return name === undefined || name.includes('..') ? undefined : name;
}

async function readPacked(commonDir: string, name: string): Promise<string | undefined> {
  const packed = await readSmall(join(commonDir, 'packed-refs'), packedRefsBytesMax);
  const end = ` ${name}\n`;
  const at = packed?.indexOf(end) ?? -1;
  if (packed === undefined || at === -1) return undefined;
  return packed.slice(packed.lastIndexOf('\n', at) + 1, at);
}

/** The text of a file, or undefined when it is not there, not readable, or larger than it may be. */
async function readSmall(path: string, bytesMax: number): Promise<string | undefined> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > bytesMax) return undefined;
    return (await file.readFile()).toString('utf8');
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
