import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type Carried, carried } from './carried.ts';
import type { Commit, CommitId } from './commit.ts';
import { type CommitStanding, commitStanding } from './commit-standing.ts';
import { folderMissing, foreignOwner, gitFailed, notARepository } from './findings.ts';
import { gitErrorBytesMax, gitTimeoutMs } from './limits.ts';
import { localBranch } from './local-branch.ts';
import { type BranchOrder, newBranch } from './new-branch.ts';
import { type GitHost, type GitOutput, runGit } from './process.ts';
import { type Layout, readCommit } from './read-commit.ts';
import { resolveName } from './resolve-name.ts';
import { type AllowedSigners, checkSignatures } from './signatures.ts';
import { type TakeBack, type TakenBack, takeBack } from './take-back.ts';
import { type IntentFiles, readCommitTree } from './tree.ts';
import { type HeadState, watchHead } from './watch-head.ts';
import { readWorkingTree, realFolder } from './working-tree.ts';

/** The intent folder in a Git repository. Holds no process and no lock; every call reads afresh. */
export interface Repository {
  /** The intent folder, absolute, links resolved. */
  readonly dir: string;
  /** The intent folder below the top of the repository: empty, or ending in a slash. */
  readonly prefix: string;
  /** False for a bare repository: there are commits only, no files to edit. */
  readonly hasWorkTree: boolean;
  /** The commit that HEAD names now. Errors: CH5302 (none), CH5313, and those of running git. */
  head(): Promise<Result<Commit, Finding>>;
  /** Any commit by its id. Errors: CH5313, and those of running git. */
  commit(id: CommitId): Promise<Result<Commit, Finding>>;
  /** The commit of that name: an id, its beginning, a branch, a tag, HEAD~1. Undefined: there is none. Errors: those of running git. */
  resolve(name: string): Promise<Result<CommitId | undefined, Finding>>;
  /** The intent files of a commit. Errors: CH5307 to CH5313, all that apply at once. */
  readTree(commit: CommitId): Promise<Result<IntentFiles, readonly Finding[]>>;
  /** Paths of intent files on disk that differ from HEAD or exist on one side only, sorted. Empty: clean. */
  dirty(): Promise<Result<readonly string[], readonly Finding[]>>;
  /** Where a commit, by its id or the beginning of it, stands to HEAD. */
  standing(text: string): Promise<Result<Standing, Finding>>;
  /** What of a commit, by its id or the beginning of it, there is in a newer one. Undefined: there is no such commit. */
  carried(text: string, newer: CommitId): Promise<Result<Carried | undefined, Finding>>;
  /** Of a commit and all that it has and the accepted one has not. Empty: allowed signers have signed them. */
  checkSignatures(
    signers: AllowedSigners,
    range: { readonly head: CommitId; readonly accepted: CommitId | undefined },
  ): Promise<readonly Finding[]>;
  /** A commit on a branch that is new. Errors: CH5335, and those of running git. */
  newBranch(order: BranchOrder): Promise<Result<CommitId, Finding>>;
  /** Puts the intent of an older commit on top of the newest. Errors: CH5330 to CH5332, and those of running git. */
  takeBack(order: TakeBack, signingKey?: string): Promise<Result<TakenBack, Finding>>;
  /**
   * Calls back whenever HEAD has come to rest on another commit, within some 200 ms. `since`: the commit the caller
   * has; without it, where HEAD rests when the watch begins is told as well, so that a change between reading and
   * watching is not lost. The returned function ends the watch.
   */
  watchHead(
    onChange: (state: HeadState) => void,
    options: { readonly clock: Clock; readonly since?: CommitId },
  ): () => void;
}

interface Standing {
  readonly standing: CommitStanding;
  readonly head: CommitId;
}

interface OpenOptions {
  readonly clock?: Clock;
  /** PATH, HOME and XDG_CONFIG_HOME are passed to git; the rest is not. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

/**
 * Opens the repository that holds `dir`: its top, a subfolder, a linked worktree, a submodule (a `.git` file), or a
 * bare repository. Errors: CH5300 to CH5306.
 */
export async function openRepository(
  dir: string,
  options: OpenOptions = {},
): Promise<Result<Repository, Finding>> {
  const host: GitHost = {
    clock: options.clock ?? systemClock,
    env: options.env ?? process.env,
    timeoutMs: options.timeoutMs ?? gitTimeoutMs,
  };
  const real = await realFolder(dir);
  if (real === undefined) return err(folderMissing(dir));
  const layout = await readLayout(real, host);
  if (!layout.ok) return layout;
  const repository = createRepository(layout.value, host);
  const head = await repository.head();
  return head.ok ? ok(repository) : head;
}

function createRepository(layout: Layout, host: GitHost): Repository {
  const { dir, prefix, hasWorkTree } = layout;
  const source = { host, gitDir: layout.gitDir, prefix };
  const readTree = (commit: CommitId): Promise<Result<IntentFiles, readonly Finding[]>> =>
    readCommitTree(source, commit);
  return {
    dir,
    prefix,
    hasWorkTree,
    head: () => readCommit(layout, host, 'HEAD'),
    commit: (id) => readCommit(layout, host, id),
    resolve: (name) => resolveName(layout, host, name),
    readTree,
    standing: async (text) => {
      const head = await readCommit(layout, host, 'HEAD');
      if (!head.ok) return head;
      const { id } = head.value;
      const found = await commitStanding({ dir: layout.gitDir, host }, text, id);
      return found.ok ? ok({ standing: found.value, head: id }) : found;
    },
    carried: (text, newer) => carried(source, text, newer),
    checkSignatures: (signers, range) =>
      checkSignatures({ dir: layout.gitDir, host }, signers, range),
    newBranch: (order) => newBranch({ ...source, signingKey: undefined }, order),
    takeBack: (order, signingKey) => takeBack(localBranch(layout, host, signingKey), order),
    dirty: async () => {
      if (!hasWorkTree) return ok([]);
      const head = await readCommit(layout, host, 'HEAD');
      if (!head.ok) return err([head.error]);
      const committed = await readTree(head.value.id);
      if (!committed.ok && !committed.error.every((one) => one.code === 'CH5312')) return committed;
      const onDisk = await readWorkingTree(dir);
      if (!onDisk.ok) return onDisk;
      return ok(differences(committed.ok ? committed.value : new Map(), onDisk.value));
    },
    watchHead: (onChange, watchOptions) => {
      const resolveHead = () => headState(layout, host);
      return watchHead(layout, onChange, { ...watchOptions, resolve: resolveHead });
    },
  };
}

async function headState(layout: Layout, host: GitHost): Promise<HeadState> {
  const head = await readCommit(layout, host, 'HEAD');
  if (head.ok) return { kind: 'commit', id: head.value.id };
  return { kind: head.error.code === 'CH5302' ? 'unborn' : 'gone' };
}

async function readLayout(dir: string, host: GitHost): Promise<Result<Layout, Finding>> {
  const run = await runGit({
    dir,
    args: [
      'rev-parse',
      '--is-inside-work-tree',
      '--absolute-git-dir',
      '--git-common-dir',
      '--show-prefix',
    ],
    outputBytesMax: gitErrorBytesMax,
    host,
  });
  if (!run.ok) return run;
  if (run.value.status !== 0) return err(openFailure(dir, run.value));
  const [inside = '', gitDir = '', commonDir = '', ...rest] = run.value.stdout
    .toString('utf8')
    .split('\n');
  // The last answer ends in one line end; a folder name may hold others.
  const prefix = rest.join('\n').slice(0, -1);
  if (!existsSync(join(gitDir, 'HEAD'))) return err(gitFailed('rev-parse', `no HEAD in ${gitDir}`));
  const hasWorkTree = inside === 'true';
  // Without a work tree the folder must be the repository or point to it; a folder inside `.git` is neither.
  const isRepository = dir === gitDir || existsSync(join(dir, '.git'));
  if (!hasWorkTree && !isRepository) return err(notARepository(dir));
  return ok({ dir, prefix, gitDir, commonDir: resolve(dir, commonDir), hasWorkTree });
}

/** git 2.35 called it "unsafe repository", later ones "dubious ownership". */
function openFailure(dir: string, output: GitOutput): Finding {
  if (/dubious ownership|unsafe repository/.test(output.stderr)) {
    const top = /repository (?:at )?\(?'([^']+)'/.exec(output.stderr)?.[1];
    return foreignOwner(top ?? dir);
  }
  if (/not a git repository/.test(output.stderr)) return notARepository(dir);
  return gitFailed('rev-parse', output.stderr);
}

/** Line ends do not count: git may convert them on checkout, and YAML reads both alike. */
function differences(committed: IntentFiles, onDisk: IntentFiles): readonly string[] {
  const paths = new Set([...committed.keys(), ...onDisk.keys()]);
  return [...paths].filter((path) => plain(committed.get(path)) !== plain(onDisk.get(path))).sort();
}

function plain(text: string | undefined): string | undefined {
  return text?.replaceAll('\r\n', '\n');
}
