import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { CommitId } from './commit.ts';
import type { Mirror } from './mirror.ts';
import { pushRefused } from './remote-findings.ts';
import type { Branch } from './take-back.ts';

/** The branch of the remote, changed by pushing. */
export function mirrorBranch(mirror: Mirror, signingKey: string | undefined): Branch {
  const { url, prefix, host, dir } = mirror;
  return {
    ...{ name: url, gitDir: dir, prefix, host, signingKey },
    newest: () => mirror.fetch(),
    reach: (later, earlier) => mirror.standsOn(later, earlier),
    advance: (_base, next) => push(mirror, next),
  };
}

/** Without force: the server takes it only on top of what it has. */
async function push(mirror: Mirror, next: CommitId): Promise<Result<'none' | 'moved', Finding>> {
  const branch = await branchName(mirror);
  if (!branch.ok) return branch;
  const run = await mirror.gitRemote([
    ...['push', '--porcelain', '--no-follow-tags', '--recurse-submodules=no', '--no-signed'],
    ...['origin', `${next}:refs/heads/${branch.value}`],
  ]);
  if (!run.ok) return run;
  const { status, stdout, stderr } = run.value;
  if (status === 0) return ok('none');
  const said = `${stdout.toString('utf8')}\n${stderr}`;
  if (/\[rejected\]|fetch first|non-fast-forward|cannot lock ref/.test(said)) return ok('moved');
  return err(pushRefused(mirror.url, lastWords(said)));
}

/** Without --branch it is the one that the remote's HEAD names. */
async function branchName(mirror: Mirror): Promise<Result<string, Finding>> {
  if (mirror.branch !== undefined) return ok(mirror.branch);
  const run = await mirror.gitRemote(['ls-remote', '--symref', 'origin', 'HEAD']);
  if (!run.ok) return run;
  const { stdout, stderr } = run.value;
  const name = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(stdout.toString('utf8'))?.[1];
  if (name !== undefined) return ok(name);
  return err(pushRefused(mirror.url, stderr || 'its HEAD names no branch'));
}

function lastWords(said: string): string {
  const lines = said.split('\n').filter((line) => /remote:|fatal:|error:|^!/.test(line));
  return lines.slice(0, 3).join('; ') || 'no word of why';
}
