import type { Finding } from '../base/finding.ts';
import { ok, type Result } from '../base/result.ts';
import { type CommitId, parseCommitId } from './commit.ts';
import { askGit, type GitHost } from './process.ts';

/**
 * Where a commit stands to the newest of the branch. `unknown`: there is none by that name, at least not yet. `beneath`:
 * the newest one contains it. `elsewhere`: it is there, and the branch does not contain it.
 */
export type CommitStanding = 'unknown' | 'newest' | 'beneath' | 'elsewhere';

/** Enough of an id to mean one commit, and nothing that git would take for a name or a flag. */
export const idOrPrefix = /^[0-9a-f]{6,64}$/;

export async function commitStanding(
  source: { readonly dir: string; readonly host: GitHost },
  text: string,
  newest: CommitId,
): Promise<Result<CommitStanding, Finding>> {
  if (!idOrPrefix.test(text)) return ok('unknown');
  if (newest.startsWith(text)) return ok('newest');
  const name = await askGit({
    ...source,
    args: ['rev-parse', '--verify', '--quiet', '--end-of-options', `${text}^{commit}`],
  });
  if (!name.ok) return name;
  const id = parseCommitId(name.value ?? '');
  if (id === undefined) return ok('unknown');
  const base = await askGit({ ...source, args: ['merge-base', id, newest] });
  if (!base.ok) return base;
  return ok(base.value === id ? 'beneath' : 'elsewhere');
}
