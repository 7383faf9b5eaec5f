import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type CommitId, parseCommitId } from './commit.ts';
import { gitFailed } from './findings.ts';
import { gitErrorBytesMax, listingBytesMax } from './limits.ts';
import { type GitHost, type GitOutput, runGit } from './process.ts';

/** Where commits are made, without a work tree. */
export interface CommitPlace {
  readonly gitDir: string;
  readonly host: GitHost;
  /** A private ssh key that signs; commits are not signed without it. */
  readonly signingKey: string | undefined;
}

/** In an index of its own, so that nobody's staged work is touched. */
export async function writeTree(
  place: CommitPlace,
  base: CommitId,
  lines: string,
): Promise<Result<string, Finding>> {
  const index = join(place.gitDir, `chancery-index-${randomUUID()}`);
  const vars = { GIT_INDEX_FILE: index };
  try {
    const read = await inRepository(place, ['read-tree', base], { vars });
    if (!read.ok) return read;
    const changed = await inRepository(place, ['update-index', '-z', '--index-info'], {
      ...{ vars, input: lines },
    });
    if (!changed.ok) return changed;
    // Blobs that were left on the server are not ours to look at.
    return await inRepository(place, ['write-tree', '--missing-ok'], { vars });
  } finally {
    await rm(index, { force: true });
    await rm(`${index}.lock`, { force: true });
  }
}

const author = 'chancery';
/** A name that no mail server has. */
const email = 'chancery@mesh.invalid';

export function commitTree(
  place: CommitPlace,
  commit: { readonly tree: string; readonly parent: CommitId; readonly message: string },
): Promise<Result<CommitId, Finding>> {
  const { signingKey } = place;
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
  return inRepository(place, args, { vars, settings, input: commit.message }).then((made) => {
    if (!made.ok) return made;
    const id = parseCommitId(made.value);
    return id === undefined ? err(gitFailed('commit-tree', made.value)) : ok(id);
  });
}

export async function inRepository(
  place: CommitPlace,
  args: readonly string[],
  given: {
    readonly vars?: Readonly<Record<string, string>>;
    readonly input?: string;
    readonly settings?: readonly string[];
  } = {},
): Promise<Result<string, Finding>> {
  const { vars, input = '', settings = [] } = given;
  const { gitDir, host } = place;
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
