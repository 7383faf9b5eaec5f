import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { CommitId } from './commit.ts';
import { readHeadFile } from './head-file.ts';
import { gitErrorBytesMax } from './limits.ts';
import { type GitHost, type GitOutput, runGit } from './process.ts';
import { type Layout, readCommit } from './read-commit.ts';
import { branchBusy, pushRefused } from './remote-findings.ts';
import type { Branch, WorkTree } from './take-back.ts';

/** What HEAD names in a repository on this machine. */
export function localBranch(layout: Layout, host: GitHost, signingKey: string | undefined): Branch {
  const { dir, gitDir, prefix } = layout;
  return {
    ...{ name: dir, gitDir, prefix, host, signingKey },
    newest: async () => {
      const reading = await readHeadFile(layout);
      // The commits of a rebase are on their way to somewhere else.
      if (reading.kind === 'busy') return err(branchBusy(dir, 'a rebase is under way'));
      const head = await readCommit(layout, host, 'HEAD');
      return head.ok ? ok(head.value.id) : head;
    },
    advance: (base, next, note) => advance(layout, host, { base, next, note }),
  };
}

async function advance(
  layout: Layout,
  host: GitHost,
  step: { readonly base: CommitId; readonly next: CommitId; readonly note: string },
): Promise<Result<WorkTree | 'moved', Finding>> {
  const { base, next, note } = step;
  const { gitDir } = layout;
  const args = [`--git-dir=${gitDir}`, 'update-ref', '-m', `chancery: ${note}`, 'HEAD', next, base];
  const run = await runGit({ dir: gitDir, args, outputBytesMax: gitErrorBytesMax, host });
  if (!run.ok) return run;
  const { status, stderr } = run.value;
  if (status !== 0) {
    // Another commit came first, or is being written this moment.
    if (/cannot lock ref/.test(stderr)) return ok('moved');
    return err(pushRefused(layout.dir, stderr));
  }
  return layout.hasWorkTree ? followFiles(layout, host, base, next) : ok('none');
}

/**
 * Files follow when nobody has changed them; else they stay as they are and only the index follows, so that the next
 * commit of somebody's staged work does not undo the taking back by accident.
 */
async function followFiles(
  layout: Layout,
  host: GitHost,
  base: CommitId,
  next: CommitId,
): Promise<Result<WorkTree, Finding>> {
  const inTree = (args: readonly string[]): Promise<Result<GitOutput, Finding>> =>
    runGit({ dir: layout.dir, args, outputBytesMax: gitErrorBytesMax, host });
  // Stat data that is only old does not make a file a changed one.
  const refreshed = await inTree(['update-index', '-q', '--refresh']);
  if (!refreshed.ok) return refreshed;
  const files = await inTree(['read-tree', '-m', '-u', base, next]);
  if (!files.ok) return files;
  if (files.value.status === 0) return ok('followed');
  const index = await inTree(['read-tree', '-m', '-i', base, next]);
  return index.ok ? ok('left') : index;
}
