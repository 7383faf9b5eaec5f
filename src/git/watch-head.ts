import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { unreachable } from '../base/result.ts';
import type { CommitId } from './commit.ts';
import { type GitFolders, type HeadReading, readHeadFile } from './head-file.ts';
import { watchFiles } from './watch-files.ts';

/** Where HEAD rests. `unborn`: on a branch without a commit. `gone`: there is no repository at the moment. */
export type HeadState =
  | { readonly kind: 'commit'; readonly id: CommitId }
  | { readonly kind: 'unborn' }
  | { readonly kind: 'gone' };

/** git writes several files for one commit; they follow within a few milliseconds of each other. */
const quietMs = 60;

interface WatchHeadOptions {
  readonly clock: Clock;
  /** Where the caller knows HEAD to be; left out, the first state seen is told as well. */
  readonly since?: CommitId;
  /** Asks git, for refs that only git can read. */
  readonly resolve: () => Promise<HeadState>;
  /** False: only the poll once a second. */
  readonly events?: boolean;
}

/**
 * Tells whenever HEAD has come to rest elsewhere: a commit, reset, branch switch, pull, or the end of a rebase. Packing
 * refs or collecting garbage changes files but not HEAD and is not told. A rebase is waited out, for the commits on its
 * way are not meant to be served. `unborn` and `gone` are told only when a second look confirms them, since a folder
 * that is being replaced passes through both.
 */
export function watchHead(
  folders: GitFolders,
  onChange: (state: HeadState) => void,
  options: WatchHeadOptions,
): () => void {
  const watch = new HeadWatch(folders, onChange, options);
  return () => watch.close();
}

class HeadWatch {
  readonly #folders: GitFolders;
  readonly #onChange: (state: HeadState) => void;
  readonly #options: WatchHeadOptions;
  readonly #files: ReturnType<typeof watchFiles>;
  #told: HeadState | undefined;
  /** The absence that the look before this one saw. */
  #suspected: HeadState['kind'] | undefined;
  #opaque: { readonly mark: string; readonly state: HeadState } | undefined;
  #closed = false;

  constructor(
    folders: GitFolders,
    onChange: (state: HeadState) => void,
    options: WatchHeadOptions,
  ) {
    this.#folders = folders;
    this.#onChange = onChange;
    this.#options = options;
    this.#told = options.since === undefined ? undefined : { kind: 'commit', id: options.since };
    const { clock, events = true } = options;
    this.#files = watchFiles({ clock, quietMs, look: () => this.#look(), events });
    this.#files.watch(foldersToWatch(folders, undefined));
  }

  close(): void {
    this.#closed = true;
    this.#files.close();
  }

  async #look(): Promise<void> {
    const reading = await readHeadFile(this.#folders);
    const state = await this.#stateOf(reading);
    if (this.#closed) return;
    const refFile = 'refFile' in reading ? reading.refFile : undefined;
    this.#files.watch(foldersToWatch(this.#folders, refFile));
    if (state !== undefined) this.#consider(state);
  }

  async #stateOf(reading: HeadReading): Promise<HeadState | undefined> {
    switch (reading.kind) {
      case 'commit':
        return { kind: 'commit', id: reading.id };
      case 'unborn':
      case 'gone':
        return { kind: reading.kind };
      case 'busy':
        return undefined;
      case 'opaque':
        return this.#resolveOpaque(reading.mark);
      default:
        return unreachable(reading);
    }
  }

  /** One run of git a change; a failed one is tried again with the next look. */
  async #resolveOpaque(mark: string): Promise<HeadState> {
    if (this.#opaque?.mark === mark) return this.#opaque.state;
    const state = await this.#options.resolve();
    this.#opaque = state.kind === 'commit' ? { mark, state } : undefined;
    return state;
  }

  #consider(state: HeadState): void {
    const confirmed = state.kind === 'commit' || this.#suspected === state.kind;
    this.#suspected = state.kind;
    if (!confirmed || sameState(this.#told, state)) return;
    this.#told = state;
    this.#onChange(state);
  }
}

function sameState(a: HeadState | undefined, b: HeadState): boolean {
  if (a?.kind === 'commit' && b.kind === 'commit') return a.id === b.id;
  return a?.kind === b.kind;
}

/** HEAD and its reflog are in the first two, the branch in the last, packed branches in the common folder. */
function foldersToWatch(folders: GitFolders, refFile: string | undefined): readonly string[] {
  const { gitDir, commonDir } = folders;
  const dirs = [gitDir, join(gitDir, 'logs'), join(gitDir, 'reftable'), commonDir];
  return [...new Set(refFile === undefined ? dirs : [...dirs, dirname(refFile)])];
}
