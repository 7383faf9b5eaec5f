import type { Clock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import { err, type Result } from '../base/result.ts';
import { contentHash } from '../compile/content-hash.ts';
import { parseCommitId } from '../git/commit.ts';
import { pushRefused } from '../git/remote-findings.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import type { TakeBack, TakenBack } from '../git/take-back.ts';
import type { Trailers } from '../git/trailers.ts';
import type { IntentFiles } from '../git/tree.ts';
import { watchWorkingTree } from '../git/watch-working-tree.ts';
import { readWorkingTree } from '../git/working-tree.ts';

/** One state of the intent folder. `commit` is a Git commit, or `working-<hash>` of the files as they lie. */
export interface IntentTree {
  readonly commit: string;
  readonly subject: string;
  readonly files: IntentFiles;
  /** Of the commit's message; none in a working tree. */
  readonly trailers: Trailers;
}

export type TreeReading =
  | { readonly kind: 'tree'; readonly tree: IntentTree }
  | {
      readonly kind: 'unreadable';
      readonly commit: string;
      readonly subject: string;
      readonly findings: readonly Finding[];
    };

/** Where intent comes from: a repository's HEAD, or with `dev` the files on disk. */
export interface IntentSource {
  read(): Promise<TreeReading>;
  /** What a commit held; undefined where there is no history, or not that commit any more. */
  at(commit: string): Promise<IntentTree | undefined>;
  /** Calls back when there is something else to read; the returned function ends the watch. */
  watch(onChange: () => void): () => void;
  /** Makes a commit that puts the intent of an older one in place of the newest. */
  takeBack(order: TakeBack): Promise<Result<TakenBack, Finding>>;
  /** Hears which commit was accepted; a later one must stand on it. */
  accepted?(commit: string): Promise<void>;
  /** What runs when it begins to be followed: what comes must stand on it, and what was read before counts no more. */
  stand?(commit: string): void;
  /** Reads the newest commit though the branch was rewound to it. Undefined: it was not refused for that. */
  approve?(commit: string, by: string): Promise<TreeReading | undefined>;
  /** What keeps it from being up to date now, while what was accepted goes on. */
  readonly findings?: readonly Finding[];
}

export async function openIntentSource(options: {
  readonly dir: string;
  readonly dev: boolean;
  readonly clock: Clock;
}): Promise<IntentSource> {
  return options.dev ? workingTreeSource(options.dir, options.clock) : headSource(options);
}

function workingTreeSource(dir: string, clock: Clock): IntentSource {
  return {
    read: async () => {
      const files = await readWorkingTree(dir);
      if (!files.ok) {
        return {
          kind: 'unreadable',
          commit: 'working',
          subject: 'working tree',
          findings: files.error,
        };
      }
      const parts = [...files.value].flat();
      const commit = `working-${contentHash(...parts).slice(0, 12)}`;
      const tree = { commit, subject: 'working tree', files: files.value, trailers: new Map() };
      return { kind: 'tree', tree };
    },
    at: async () => undefined,
    watch: (onChange) => watchWorkingTree(dir, onChange, { clock }),
    takeBack: async () => err(pushRefused(dir, 'files are followed as they lie, not commits')),
  };
}

/** A folder that is not in Git is not an error here but a reading, so that `up` can say it with its help. */
async function headSource(options: {
  readonly dir: string;
  readonly clock: Clock;
}): Promise<IntentSource> {
  const opened = await openRepository(options.dir, { clock: options.clock });
  if (!opened.ok) {
    const finding = withDevHint(opened.error);
    return {
      read: async () => ({ kind: 'unreadable', commit: 'HEAD', subject: '', findings: [finding] }),
      at: async () => undefined,
      watch: () => () => {},
      takeBack: async () => err(finding),
    };
  }
  const repository = opened.value;
  return {
    read: () => readHead(repository),
    at: (commit) => readAt(repository, commit),
    watch: (onChange) => repository.watchHead(onChange, { clock: options.clock }),
    takeBack: (order) => repository.takeBack(order),
  };
}

async function readHead(repository: Repository): Promise<TreeReading> {
  const head = await repository.head();
  if (!head.ok) {
    return { kind: 'unreadable', commit: 'HEAD', subject: '', findings: [withDevHint(head.error)] };
  }
  const { id, subject, trailers } = head.value;
  const files = await repository.readTree(id);
  if (!files.ok) return { kind: 'unreadable', commit: id, subject, findings: files.error };
  return { kind: 'tree', tree: { commit: id, subject, files: files.value, trailers } };
}

async function readAt(repository: Repository, commit: string): Promise<IntentTree | undefined> {
  const id = parseCommitId(commit);
  if (id === undefined) return undefined;
  const [found, files] = await Promise.all([repository.commit(id), repository.readTree(id)]);
  if (!found.ok || !files.ok) return undefined;
  const { subject, trailers } = found.value;
  return { commit, subject, files: files.value, trailers };
}

function withDevHint(finding: Finding): Finding {
  const notes = [...(finding.notes ?? []), '--dev follows the files on disk instead of Git'];
  return { ...finding, notes };
}
