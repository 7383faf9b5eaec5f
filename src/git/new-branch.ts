import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { CommitId } from './commit.ts';
import { branchExists, gitFailed } from './findings.ts';
import { gitErrorBytesMax } from './limits.ts';
import { type CommitPlace, commitTree, inRepository, writeTree } from './make-commit.ts';
import { runGit } from './process.ts';

export interface BranchOrder {
  /** A new branch; one that is there stays as it is. */
  readonly name: string;
  readonly base: CommitId;
  /** Files of intent, by their paths below the intent folder. */
  readonly files: ReadonlyMap<string, string>;
  readonly message: string;
}

/** A commit on a branch of its own: HEAD, the index and the files stay as they are. Errors: CH5335, and those of git. */
export async function newBranch(
  place: CommitPlace & { readonly prefix: string },
  { name, base, files, message }: BranchOrder,
): Promise<Result<CommitId, Finding>> {
  const ref = `refs/heads/${name}`;
  const isName = await inRepository(place, ['check-ref-format', ref]);
  if (!isName.ok) return err(branchExists(name, 'no branch may have that name'));
  const lines: string[] = [];
  for (const [path, text] of files) {
    const blob = await inRepository(place, ['hash-object', '-w', '--stdin'], { input: text });
    if (!blob.ok) return blob;
    lines.push(`100644 ${blob.value}\t${place.prefix}${path}\0`);
  }
  const tree = await writeTree(place, base, lines.join(''));
  if (!tree.ok) return tree;
  const made = await commitTree(place, { tree: tree.value, parent: base, message });
  if (!made.ok) return made;
  // No old value: it must not be there, also when somebody makes it this moment.
  const args = [`--git-dir=${place.gitDir}`, 'update-ref', ref, made.value, '0'.repeat(40)];
  const { host } = place;
  const run = await runGit({ dir: place.gitDir, args, outputBytesMax: gitErrorBytesMax, host });
  if (!run.ok) return run;
  const { status, stderr } = run.value;
  if (status === 0) return ok(made.value);
  return /already exists|cannot lock ref/.test(stderr)
    ? err(branchExists(name, 'there is one of that name'))
    : err(gitFailed('update-ref', stderr));
}
