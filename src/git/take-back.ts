import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type CommitId, parseCommitId } from './commit.ts';
import { gitFailed } from './findings.ts';
import { gitErrorBytesMax, listingBytesMax } from './limits.ts';
import { type GitHost, type GitOutput, runGit } from './process.ts';
import { branchBusy, intentMovedOn } from './remote-findings.ts';
import { intentEntries } from './tree.ts';

/** What is taken back: the intent of `to` is put in place of that of `from`, as a commit on top of the newest one. */
export interface TakeBack {
  readonly from: CommitId;
  readonly to: CommitId;
  /** Why, in one line. */
  readonly reason: string;
}

/** `nothing`: the newest commit has that intent already. `left`: files in the work tree were changed, and stay. */
export type TakenBack =
  | { readonly kind: 'taken back'; readonly commit: CommitId; readonly workTree: WorkTree }
  | { readonly kind: 'nothing'; readonly commit: CommitId };

export type WorkTree = 'none' | 'followed' | 'left';

/** A repository in which commits are made. */
export interface Branch {
  /** What it is called in findings. */
  readonly name: string;
  readonly gitDir: string;
  readonly prefix: string;
  readonly host: GitHost;
  /** A private ssh key that signs; commits are not signed without it. */
  readonly signingKey: string | undefined;
  /** The newest commit, asked afresh. */
  newest(): Promise<Result<CommitId, Finding>>;
  /** Puts `next` on top of `base`; `moved` when the branch has another newest commit. */
  advance(
    base: CommitId,
    next: CommitId,
    note: string,
  ): Promise<Result<WorkTree | 'moved', Finding>>;
}

/** Somebody who pushes all the time must not keep us here; five losses in a row do not happen by chance. */
const triesMax = 5;

/**
 * Never loses a commit: what others have pushed meanwhile stays beneath. Where they have changed the intent itself, it is
 * given up (CH5330), for then nobody knows what the reason still holds for.
 */
export async function takeBack(
  branch: Branch,
  order: TakeBack,
): Promise<Result<TakenBack, Finding>> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const head = await branch.newest();
    if (!head.ok) return head;
    const next = await compose(branch, order, head.value);
    if (!next.ok) return next;
    if (next.value === undefined) return ok({ kind: 'nothing', commit: head.value });
    const done = await branch.advance(head.value, next.value, subjectOf(order));
    if (!done.ok) return done;
    if (done.value === 'moved') continue;
    return ok({ kind: 'taken back', commit: next.value, workTree: done.value });
  }
  return err(branchBusy(branch.name, `other commits came first ${triesMax} times`));
}

/** Undefined: there is nothing to change. */
async function compose(
  branch: Branch,
  { from, to, reason }: TakeBack,
  head: CommitId,
): Promise<Result<CommitId | undefined, Finding>> {
  const [now, bad, good] = await Promise.all(
    [head, from, to].map((id) => intentEntries({ ...branch }, id)),
  );
  if (now === undefined || bad === undefined || good === undefined) throw new Error('three');
  if (!now.ok) return now;
  if (!bad.ok) return bad;
  if (!good.ok) return good;
  if (sameEntries(now.value, good.value)) return ok(undefined);
  if (!sameEntries(now.value, bad.value)) return err(intentMovedOn(from, head));
  const tree = await writeTree(branch, head, indexLines(now.value, good.value));
  if (!tree.ok) return tree;
  return commitTree(branch, { tree: tree.value, parent: head, order: { from, to, reason } });
}

type Entries = ReadonlyMap<string, string>;

function sameEntries(a: Entries, b: Entries): boolean {
  return a.size === b.size && [...a].every(([path, entry]) => b.get(path) === entry);
}

/** Mode 0 takes a path out (git-update-index, `--index-info`). */
function indexLines(now: Entries, good: Entries): string {
  const gone = [...now.keys()].filter((path) => !good.has(path));
  const removals = gone.map((path) => `0 ${'0'.repeat(40)}\t${path}\0`);
  const additions = [...good].map(([path, entry]) => `${entry}\t${path}\0`);
  return [...removals, ...additions].join('');
}

/** In an index of its own, so that nobody's staged work is touched. */
async function writeTree(
  branch: Branch,
  base: CommitId,
  lines: string,
): Promise<Result<string, Finding>> {
  const index = join(branch.gitDir, `chancery-index-${randomUUID()}`);
  const vars = { GIT_INDEX_FILE: index };
  try {
    const read = await inRepository(branch, ['read-tree', base], vars);
    if (!read.ok) return read;
    const changed = await inRepository(branch, ['update-index', '-z', '--index-info'], vars, lines);
    if (!changed.ok) return changed;
    // Blobs that were left on the server are not ours to look at.
    return await inRepository(branch, ['write-tree', '--missing-ok'], vars);
  } finally {
    await rm(index, { force: true });
    await rm(`${index}.lock`, { force: true });
  }
}

const author = 'chancery';
/** A name that no mail server has. */
const email = 'chancery@mesh.invalid';

function commitTree(
  branch: Branch,
  commit: { readonly tree: string; readonly parent: CommitId; readonly order: TakeBack },
): Promise<Result<CommitId, Finding>> {
  const { signingKey } = branch;
  const sign = signingKey === undefined ? [] : ['-S'];
  const settings =
    signingKey === undefined
      ? []
      : ['gpg.format=ssh', 'gpg.ssh.program=ssh-keygen', `user.signingKey=${signingKey}`];
  const vars = {
    GIT_AUTHOR_NAME: author,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: author,
    GIT_COMMITTER_EMAIL: email,
  };
  const args = ['commit-tree', ...sign, '-p', commit.parent, commit.tree];
  return inRepository(branch, args, vars, messageOf(commit.order), settings).then((made) => {
    if (!made.ok) return made;
    const id = parseCommitId(made.value);
    return id === undefined ? err(gitFailed('commit-tree', made.value)) : ok(id);
  });
}

function subjectOf({ from, to }: TakeBack): string {
  return `Take back ${from.slice(0, 12)}: intent as of ${to.slice(0, 12)}`;
}

function messageOf(order: TakeBack): string {
  const { from, to, reason } = order;
  return `${subjectOf(order)}\n\n${reason.trim()}\n\nTaken-Back: ${from}\nIntent-Of: ${to}\n`;
}

async function inRepository(
  branch: Branch,
  args: readonly string[],
  vars: Readonly<Record<string, string>>,
  input = '',
  settings: readonly string[] = [],
): Promise<Result<string, Finding>> {
  const { gitDir, host } = branch;
  const run: Result<GitOutput, Finding> = await runGit({
    dir: gitDir,
    args: [`--git-dir=${gitDir}`, ...args],
    input,
    settings,
    outputBytesMax: args[0] === 'ls-tree' ? listingBytesMax : gitErrorBytesMax,
    host: { ...host, vars: { ...host.vars, ...vars } },
  });
  if (!run.ok) return run;
  const { status, stdout, stderr } = run.value;
  if (status !== 0) return err(gitFailed(args[0] ?? '', stderr));
  return ok(stdout.toString('utf8').trimEnd());
}
