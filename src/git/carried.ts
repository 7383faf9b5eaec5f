import type { Finding } from '../base/finding.ts';
import { ok, type Result } from '../base/result.ts';
import { type CommitId, parseCommitId } from './commit.ts';
import { idOrPrefix } from './commit-standing.ts';
import { commitBytesMax } from './limits.ts';
import { askGit, runGit } from './process.ts';
import { parseTrailers } from './trailers.ts';
import { intentEntries, type TreeSource } from './tree.ts';

/**
 * What of an older commit there is in a newer one. `contained`: what it changed. `reverted`: the newer one stands on it, and
 * the change was taken out again. `missing`: it is not beneath the newer one.
 */
export type Carried = 'contained' | 'reverted' | 'missing';

/** So far back is looked for a commit that takes out what files alone do not show. */
const commitsMax = 1_000;

/**
 * By the files first: where all that it changed is as it left it, or as it was before it, that is the answer. Where later
 * commits changed the same files, by what they say of themselves. Undefined: there is no such commit.
 */
export async function carried(
  source: TreeSource,
  text: string,
  newer: CommitId,
): Promise<Result<Carried | undefined, Finding>> {
  if (!idOrPrefix.test(text)) return ok(undefined);
  const git = gitOf(source);
  const older = await git.resolve(text);
  if (!older.ok) return older;
  if (older.value === undefined) return ok(undefined);
  if (older.value === newer) return ok('contained');
  const isBeneath = await git.contains(newer, older.value);
  if (!isBeneath.ok) return isBeneath;
  if (!isBeneath.value) return ok('missing');
  const parent = await git.resolve(`${older.value}^1`);
  if (!parent.ok) return parent;
  const [before, after, now] = await Promise.all([
    parent.value === undefined
      ? ok<ReadonlyMap<string, string>>(new Map())
      : intentEntries(source, parent.value),
    intentEntries(source, older.value),
    intentEntries(source, newer),
  ]);
  if (!before.ok) return before;
  if (!after.ok) return after;
  if (!now.ok) return now;
  const paths = new Set([...before.value.keys(), ...after.value.keys()]);
  const changed = [...paths].filter((path) => before.value.get(path) !== after.value.get(path));
  if (changed.every((path) => now.value.get(path) === after.value.get(path))) {
    return ok('contained');
  }
  if (changed.every((path) => now.value.get(path) === before.value.get(path))) {
    return ok('reverted');
  }
  const isReverted = await saidReverted(git, older.value, newer);
  return isReverted.ok ? ok(isReverted.value ? 'reverted' : 'contained') : isReverted;
}

type Git = ReturnType<typeof gitOf>;

function gitOf({ gitDir, host }: TreeSource) {
  const run = { dir: gitDir, host };
  const resolve = async (name: string): Promise<Result<CommitId | undefined, Finding>> => {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`];
    const found = await askGit({ ...run, args });
    return found.ok ? ok(parseCommitId(found.value ?? '')) : found;
  };
  const contains = async (later: string, earlier: string): Promise<Result<boolean, Finding>> => {
    const base = await askGit({ ...run, args: ['merge-base', '--is-ancestor', earlier, later] });
    return base.ok ? ok(base.value !== undefined) : base;
  };
  return { run, resolve, contains };
}

/** Newest first: a commit that takes out another one counts until it is taken out itself. */
async function saidReverted(
  git: Git,
  older: CommitId,
  newer: CommitId,
): Promise<Result<boolean, Finding>> {
  const messages = await messagesBetween(git, older, newer);
  if (!messages.ok) return messages;
  const undone = new Set<string>();
  for (const { id, body } of messages.value) {
    if (undone.has(id)) continue;
    for (const [, named = ''] of body.matchAll(/^This reverts commit ([0-9a-f]{40,64})/gm)) {
      undone.add(named);
      const brought = await broughtIn(git, older, named);
      if (!brought.ok || brought.value) return brought;
    }
    const good = parseCommitId(parseTrailers(body).get('intent-of')?.[0] ?? '');
    if (good === undefined) continue;
    const kept = await git.contains(good, older);
    if (!kept.ok) return kept;
    if (!kept.value) return ok(true);
  }
  return ok(false);
}

/** A commit brings in itself, and a merge what it merges. */
async function broughtIn(git: Git, older: CommitId, by: string): Promise<Result<boolean, Finding>> {
  if (by === older) return ok(true);
  const has = await git.contains(by, older);
  if (!has.ok || !has.value) return has;
  const had = await git.contains(`${by}^1`, older);
  return had.ok ? ok(!had.value) : had;
}

async function messagesBetween(
  { run }: Git,
  older: CommitId,
  newer: CommitId,
): Promise<Result<readonly { readonly id: string; readonly body: string }[], Finding>> {
  const range = ['--end-of-options', `${older}..${newer}`];
  const args = ['log', '-z', '--format=%H%n%B', `--max-count=${commitsMax}`, ...range];
  const said = await runGit({ ...run, args, outputBytesMax: commitBytesMax });
  if (!said.ok) return said;
  const texts = said.value.stdout.toString('utf8').split('\0');
  return ok(
    texts.map((text) => {
      const end = text.indexOf('\n');
      return { id: text.slice(0, end), body: text.slice(end + 1) };
    }),
  );
}
