import { type FSWatcher, statSync, watch } from 'node:fs';
import type { Clock } from '../base/clock.ts';

/** Events are hints and may be lost (network disks, overflows), so the files are also looked at this often. */
const pollIntervalMs = 1000;

/** A stream of events without a pause must not put off a look for ever. */
const settleLongestMs = 500;

interface FilesWatch {
  /** Sets which folders are watched; those that are not there are taken up once they appear. */
  watch(dirs: readonly string[]): void;
  close(): void;
}

interface FilesWatchOptions {
  readonly clock: Clock;
  /** A look follows this long after the last of several events. */
  readonly quietMs: number;
  /** Called at once, after events have settled, and once a second. Looks never overlap; it must not reject. */
  readonly look: () => Promise<void>;
  /** False: only the poll. For disks without events, and to test that the poll alone is enough. */
  readonly events?: boolean;
}

export function watchFiles(options: FilesWatchOptions): FilesWatch {
  return new PolledWatch(options);
}

interface Watched {
  readonly watcher: FSWatcher;
  /** Tells a folder from another one made later at the same path, of which the old watch would hear nothing. */
  readonly inode: number;
}

class PolledWatch implements FilesWatch {
  readonly #options: FilesWatchOptions;
  readonly #watched = new Map<string, Watched>();
  #dirs: readonly string[] = [];
  #closed = false;
  #looking = false;
  #lookAgain = false;
  #cancelSettle: (() => void) | undefined;
  #settleSinceMs: number | undefined;
  #cancelPoll: () => void = () => {};

  constructor(options: FilesWatchOptions) {
    this.#options = options;
    this.#schedulePoll();
    void this.#look();
  }

  watch(dirs: readonly string[]): void {
    this.#dirs = dirs;
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#cancelPoll();
    this.#cancelSettle?.();
    for (const dir of [...this.#watched.keys()]) this.#drop(dir);
  }

  #schedulePoll(): void {
    this.#cancelPoll = this.#options.clock.after(pollIntervalMs, () => {
      this.#schedulePoll();
      this.#arm();
      void this.#look();
    });
  }

  #onEvent(): void {
    if (this.#closed) return;
    const { clock, quietMs } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#settleSinceMs ??= nowMs;
    const restMs = this.#settleSinceMs + settleLongestMs - nowMs;
    this.#cancelSettle?.();
    this.#cancelSettle = clock.after(Math.max(0, Math.min(quietMs, restMs)), () => {
      this.#settleSinceMs = undefined;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#lookAgain = this.#looking;
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    try {
      await this.#options.look();
    } finally {
      this.#looking = false;
    }
    if (this.#lookAgain) await this.#look();
  }

  #arm(): void {
    if (this.#closed || this.#options.events === false) return;
    for (const dir of [...this.#watched.keys()]) {
      const stale = this.#watched.get(dir)?.inode !== inodeOf(dir);
      if (stale || !this.#dirs.includes(dir)) this.#drop(dir);
    }
    for (const dir of this.#dirs) if (!this.#watched.has(dir)) this.#take(dir);
  }

  #take(dir: string): void {
    const inode = inodeOf(dir);
    if (inode === undefined) return;
    try {
      const watcher = watch(dir, { persistent: false }, () => this.#onEvent());
      watcher.on('error', () => this.#drop(dir));
      this.#watched.set(dir, { watcher, inode });
      // What happened between the last look and this watch made no event.
      this.#onEvent();
    } catch {
      // Out of watches or gone again: the poll looks, and tries anew.
    }
  }

  #drop(dir: string): void {
    this.#watched.get(dir)?.watcher.close();
    this.#watched.delete(dir);
  }
}

function inodeOf(dir: string): number | undefined {
  const facts = statSync(dir, { throwIfNoEntry: false });
  return facts?.isDirectory() ? facts.ino : undefined;
}
