import type { Finding } from '../base/finding.ts';
import { ok, type Result } from '../base/result.ts';
import { type CommitId, parseCommitId } from './commit.ts';
import { gitErrorBytesMax } from './limits.ts';
import { type GitHost, runGit } from './process.ts';
import type { Layout } from './read-commit.ts';

/** Undefined: no commit of the repository has that name: an id, its beginning, a branch, a tag, or such as HEAD~1. */
export async function resolveName(
  layout: Pick<Layout, 'gitDir'>,
  host: GitHost,
  name: string,
): Promise<Result<CommitId | undefined, Finding>> {
  if (name === '' || name.includes('\0')) return ok(undefined);
  const run = await runGit({
    dir: layout.gitDir,
    args: [
      ...[`--git-dir=${layout.gitDir}`, 'rev-parse', '--verify', '--quiet'],
      ...['--end-of-options', `${name}^{commit}`],
    ],
    outputBytesMax: gitErrorBytesMax,
    host,
  });
  if (!run.ok) return run;
  return ok(parseCommitId(run.value.stdout.toString('utf8').trim()));
}
