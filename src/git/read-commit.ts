import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type Commit, type CommitId, parseCommitId, parseCommitObject } from './commit.ts';
import { commitUnreadable, noCommitYet } from './findings.ts';
import { commitBytesMax } from './limits.ts';
import { type GitHost, runGit } from './process.ts';

/** Where the parts of a repository lie. */
export interface Layout {
  readonly dir: string;
  readonly prefix: string;
  readonly gitDir: string;
  readonly commonDir: string;
  readonly hasWorkTree: boolean;
}

/** Reads a commit with one process, by plumbing that no setting of the user changes. */
export async function readCommit(
  layout: Layout,
  host: GitHost,
  name: CommitId | 'HEAD',
): Promise<Result<Commit, Finding>> {
  const run = await runGit({
    dir: layout.gitDir,
    args: [`--git-dir=${layout.gitDir}`, 'cat-file', '--batch'],
    input: `${name}\n`,
    outputBytesMax: commitBytesMax,
    host,
  });
  if (!run.ok) return run;
  const { stdout, stderr } = run.value;
  const lineEnd = stdout.indexOf('\n');
  const header = stdout.toString('latin1', 0, Math.max(lineEnd, 0));
  if (header === 'HEAD missing' && !/fatal|error/.test(stderr)) return err(noCommitYet(layout.dir));
  const match = /^([0-9a-f]+) commit (\d+)$/.exec(header);
  const id = parseCommitId(match?.[1] ?? '');
  if (id === undefined) return err(commitUnreadable(name, stderr || header || 'no answer'));
  const start = lineEnd + 1;
  const commit = parseCommitObject(id, stdout.subarray(start, start + Number(match?.[2])));
  return commit === undefined ? err(commitUnreadable(id, 'malformed commit object')) : ok(commit);
}
