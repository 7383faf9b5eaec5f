import type { Clock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { contentHash } from '../compile/content-hash.ts';
import type { Carried } from '../git/carried.ts';
import { type CommitId, parseCommitId } from '../git/commit.ts';
import { commitUnreadable } from '../git/findings.ts';
import { noBranch, signingKeyMissing } from '../git/remote-findings.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import type { AllowedSigners } from '../git/signatures.ts';
import type { TakeBack, TakenBack } from '../git/take-back.ts';
import type { Trailers } from '../git/trailers.ts';
import type { IntentFiles } from '../git/tree.ts';
import { watchWorkingTree } from '../git/watch-working-tree.ts';
import { readWorkingTree } from '../git/working-tree.ts';
import type { CommitPlace } from '../serve/api/wire-gate.ts';
import { carriedAnswers } from './carried-answers.ts';
import type { Noticed } from './tracing/arrival.ts';

/** One state of the intent folder. `commit` is a Git commit, or `working-<hash>` of the files as they lie. */
export interface IntentTree {
  readonly commit: string;
  readonly subject: string;
  readonly files: IntentFiles;
  /** Of the commit's message; none in a working tree. */
  readonly trailers: Trailers;
}

export function isWorkingTree({ commit }: Pick<IntentTree, 'commit'>): boolean {
  return commit.startsWith(workingPrefix);
}

const workingPrefix = 'working-';

export type TreeReading =
  | { readonly kind: 'tree'; readonly tree: IntentTree }
  | {
      readonly kind: 'unreadable';
      readonly commit: string;
      readonly subject: string;
      readonly findings: readonly Finding[];
    };

/** `from` and `to` as `IntentTree.commit` says them: not all of them are Git's. */
export interface TakeBackRequest {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

export function takeBackOrder(request: TakeBackRequest): Result<TakeBack, Finding> {
  const [from, to] = [parseCommitId(request.from), parseCommitId(request.to)];
  if (from === undefined) return err(commitUnreadable(request.from, 'no commit id'));
  if (to === undefined) return err(commitUnreadable(request.to, 'no commit id'));
  return ok({ from, to, reason: request.reason });
}

/** Where intent comes from: a repository's HEAD, or with `dev` the files on disk. */
export interface IntentSource {
  read(): Promise<TreeReading>;
  /** What a commit held; undefined where there is no history, or not that commit any more. */
  at(commit: string): Promise<IntentTree | undefined>;
  /** Where a commit that was never read stands to what is followed; `commit` may be the beginning of an id. */
  place(commit: string): Promise<CommitPlace>;
  /** What of a commit there is in a newer one; undefined: that is not known. `commit` may be the beginning of an id. */
  carried(commit: string, newer: string): Promise<Carried | undefined>;
  /** Calls back when there is something else to read, with how that was found; the returned function ends the watch. */
  watch(onChange: (noticed?: Noticed) => void): () => void;
  /** Makes a commit that puts the intent of an older one in place of the newest. */
  takeBack(request: TakeBackRequest): Promise<Result<TakenBack, Finding>>;
  /** Hears which commit was accepted; a later one must stand on it. */
  accepted?(commit: string): Promise<void>;
  /** What runs when it begins to be followed: what comes must stand on it, and what was read before counts no more. */
  stand?(commit: string): void;
  /** Reads the newest commit though the branch was rewound to it. Undefined: it was not refused for that. */
  approve?(commit: string, by: string): Promise<TreeReading | undefined>;
  /** Somebody says that there is something newer, and maybe in which W3C trace: it is looked for at once. */
  pushed?(traceparent: string | undefined): void;
  /** Where nobody watches it here, as at a replica that follows: brings its copy up to date for whoever asks of commits. */
  keepUp?(): Promise<void>;
  /** What keeps it from being up to date now, while what was accepted goes on. */
  readonly findings?: readonly Finding[];
}

/** Whose signature a commit needs, and ours. */
export interface Signing {
  /** Every commit must be signed by one of these; undefined: signatures do not matter. */
  readonly signers: AllowedSigners | undefined;
  /** Private ssh key for commits of our own. */
  readonly signingKey: string | undefined;
}

const unsigned: Signing = { signers: undefined, signingKey: undefined };

export async function openIntentSource(options: {
  readonly dir: string;
  readonly dev: boolean;
  readonly clock: Clock;
  readonly signing?: Signing;
}): Promise<IntentSource> {
  const { dir, dev, clock, signing = unsigned } = options;
  return dev ? workingTreeSource(dir, clock) : headSource(dir, clock, signing);
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
      const commit = `${workingPrefix}${contentHash(...parts).slice(0, 12)}`;
      const tree = { commit, subject: 'working tree', files: files.value, trailers: new Map() };
      return { kind: 'tree', tree };
    },
    at: async () => undefined,
    place: async (commit) => ({
      follows: `the files in ${dir} as they lie`,
      standing: isWorkingTree({ commit }) ? 'unknown' : 'elsewhere',
      head: undefined,
    }),
    carried: async () => undefined,
    watch: (onChange) => watchWorkingTree(dir, () => onChange(), { clock }),
    takeBack: async () => err(noBranch(dir)),
  };
}

/** A folder that is not in Git is not an error here but a reading, so that `up` can say it with its help. */
async function headSource(dir: string, clock: Clock, signing: Signing): Promise<IntentSource> {
  const opened = await openRepository(dir, { clock });
  if (!opened.ok) {
    const finding = withDevHint(opened.error);
    return {
      read: async () => ({ kind: 'unreadable', commit: 'HEAD', subject: '', findings: [finding] }),
      at: async () => undefined,
      place: async () => ({ follows: `HEAD of ${dir}`, standing: 'unknown', head: undefined }),
      carried: async () => undefined,
      watch: () => () => {},
      takeBack: async () => err(finding),
    };
  }
  const repository = opened.value;
  const { signers, signingKey } = signing;
  let accepted: CommitId | undefined;
  return {
    read: async () => {
      const reading = await readHead(repository);
      return signers === undefined ? reading : signedOnly(repository, reading, signers, accepted);
    },
    at: (commit) => readAt(repository, commit),
    place: async (commit) => {
      const found = await repository.standing(commit);
      const { standing, head } = found.ok ? found.value : nowhere;
      return { follows: `HEAD of ${dir}`, standing, head };
    },
    carried: carriedAnswers((commit, newer) => repository.carried(commit, newer)),
    watch: (onChange) => repository.watchHead(() => onChange(), { clock }),
    takeBack: async (request) => {
      if (signers !== undefined && signingKey === undefined) return err(signingKeyMissing());
      const order = takeBackOrder(request);
      return order.ok ? repository.takeBack(order.value, signingKey) : order;
    },
    accepted: async (commit) => {
      accepted = parseCommitId(commit);
    },
    stand: (commit) => {
      accepted = parseCommitId(commit);
    },
  };
}

const nowhere = { standing: 'unknown', head: undefined } as const;

/** Each commit since the accepted one, not only the newest: what is below it comes in as well. */
async function signedOnly(
  repository: Repository,
  reading: TreeReading,
  signers: AllowedSigners,
  accepted: CommitId | undefined,
): Promise<TreeReading> {
  if (reading.kind === 'unreadable') return reading;
  const { commit, subject } = reading.tree;
  const head = parseCommitId(commit);
  if (head === undefined) return reading;
  const findings = await repository.checkSignatures(signers, { head, accepted });
  return findings.length === 0 ? reading : { kind: 'unreadable', commit, subject, findings };
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
