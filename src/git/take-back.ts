import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { CommitId } from './commit.ts';
import { type CommitPlace, commitTree, writeTree } from './make-commit.ts';
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
export interface Branch extends CommitPlace {
  /** What it is called in findings. */
  readonly name: string;
  readonly prefix: string;
  /** The newest commit, asked afresh. */
  newest(): Promise<Result<CommitId, Finding>>;
  /** Brings what lies between the two, where this copy does not go back so far. */
  reach?(later: CommitId, earlier: CommitId): Promise<Result<unknown, Finding>>;
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
    const reached = await branch.reach?.(head.value, order.to);
    if (reached?.ok === false) return reached;
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
  const message = messageOf({ from, to, reason });
  return commitTree(branch, { tree: tree.value, parent: head, message });
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

function subjectOf({ from, to }: TakeBack): string {
  return `Take back ${from.slice(0, 12)}: intent as of ${to.slice(0, 12)}`;
}

function messageOf(order: TakeBack): string {
  const { from, to, reason } = order;
  return `${subjectOf(order)}\n\n${reason.trim()}\n\nTaken-Back: ${from}\nIntent-Of: ${to}\n`;
}
