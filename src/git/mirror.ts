import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type Commit, type CommitId, parseCommitId } from './commit.ts';
import { commitUnreadable, gitFailed } from './findings.ts';
import {
  fetchTimeoutMs,
  gitErrorBytesMax,
  gitTimeoutMs,
  intentFileBytesMax,
  mirrorBytesMax,
} from './limits.ts';
import { askGit, type GitHost, type GitOutput, type GitRun, runGit } from './process.ts';
import { readCommit } from './read-commit.ts';
import { type RemoteCredentials, remoteAccess } from './remote-access.ts';
import type { RemoteAddress } from './remote-address.ts';
import { remoteFailure } from './remote-failure.ts';
import { remoteLeft, remoteUnreachable, repositoryTooLarge } from './remote-findings.ts';
import { type IntentFiles, readCommitTree } from './tree.ts';

export interface MirrorOptions {
  /** The folder of the mirror; made when it is not there. Nobody else may write to it. */
  readonly dir: string;
  readonly address: RemoteAddress;
  /** The branch that the remote's HEAD names when left out. */
  readonly branch: string | undefined;
  /** The intent folder below the top: empty, or ending in a slash. */
  readonly prefix: string;
  readonly credentials: RemoteCredentials;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fetchTimeoutMs?: number;
  readonly bytesMax?: number;
  readonly packsMax?: number;
}

/**
 * A bare copy of one branch of a repository elsewhere: what it brings is data, none of its settings, hooks or filters are
 * used. It also remembers, through restarts, which commit was accepted last.
 */
export interface Mirror {
  readonly url: string;
  readonly branch: string | undefined;
  readonly prefix: string;
  /** Brings the branch here. Errors: CH5306, CH5315 to CH5323, CH5328, CH5333; then nothing here has changed. */
  fetch(): Promise<Result<CommitId, Finding>>;
  /** Where the branch was at the last fetch that went well. */
  head(): Promise<Result<CommitId | undefined, Finding>>;
  accepted(): Promise<Result<CommitId | undefined, Finding>>;
  /** Durable when it resolves. */
  accept(commit: CommitId): Promise<Finding | undefined>;
  /** Whether `later` is `earlier` or stands on it. */
  contains(later: CommitId, earlier: CommitId): Promise<Result<boolean, Finding>>;
  /** The same, and brings what came before where this copy does not go back to `earlier`. Errors: as of `fetch`. */
  standsOn(later: CommitId, earlier: CommitId): Promise<Result<boolean, Finding>>;
  commit(id: CommitId): Promise<Result<Commit, Finding>>;
  readTree(commit: CommitId): Promise<Result<IntentFiles, readonly Finding[]>>;
  /** For other work on the copy. */
  readonly host: GitHost;
  readonly dir: string;
  /** For what asks the remote or sends to it, and brings nothing here: no fetch waits for it. */
  gitRemote(args: readonly string[]): Promise<Result<GitOutput, Finding>>;
  /** Ends what speaks to the remote now; nobody does any more. */
  close(): void;
}

const headRef = 'refs/chancery/head';
/** What has come and is not judged yet; what is too large never becomes the head. */
const incomingRef = 'refs/chancery/incoming';
const acceptedRef = 'refs/chancery/accepted';

/**
 * Packs are kept as they come and checked whole; large blobs are streamed. What is larger than any intent file stays on
 * the server where it can leave it out.
 */
const fetchSettings: readonly string[] = [
  'fetch.unpackLimit=1',
  'fetch.fsckObjects=true',
  'fetch.writeCommitGraph=false',
  'fetch.recurseSubmodules=false',
  'core.bigFileThreshold=1m',
  'protocol.version=2',
];

export async function openMirror(options: MirrorOptions): Promise<Result<Mirror, Finding>> {
  const { dir, prefix } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const host = cleanHost(options, gitTimeoutMs);
  if (!existsSync(join(dir, 'HEAD'))) {
    const made = await runLocal(options, ['init', '--bare', '--quiet', '--template=', '.']);
    if (!made.ok) return made;
    if (made.value.status !== 0) return err(gitFailed('init', made.value.stderr));
  }
  const alone = oneAtATime();
  let isClosed = false;
  const open: OpenMirror = { ...options, isClosed: () => isClosed };
  const folders = { dir, prefix, gitDir: dir, commonDir: dir, hasWorkTree: false };
  return ok({
    url: options.address.url,
    branch: options.branch,
    prefix,
    host,
    dir,
    fetch: () => alone(() => fetchBranch(open)),
    head: () => readRef(options, headRef),
    accepted: () => readRef(options, acceptedRef),
    accept: (commit) => writeRef(options, acceptedRef, commit),
    contains: (later, earlier) => contains(options, later, earlier),
    standsOn: (later, earlier) => alone(() => standsOn(open, later, earlier)),
    commit: (id) => readCommit(folders, host, id),
    readTree: (commit) => readCommitTree({ host, gitDir: dir, prefix }, commit),
    gitRemote: async (args) => {
      const run = await runRemote(open, args);
      return run.ok ? run : err(asRemote(run.error, options.address.url));
    },
    close: () => {
      isClosed = true;
    },
  });
}

interface OpenMirror extends MirrorOptions {
  readonly isClosed: () => boolean;
}

/** A fetch tidies up what an ended one has left, so two of them would take away each other's packs. */
function oneAtATime(): <Value>(work: () => Promise<Value>) => Promise<Value> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => {});
    return next;
  };
}

/** No configuration but ours: HOME for what an old git reads, the rest for newer ones. */
function cleanHost(options: MirrorOptions, timeoutMs: number): GitHost {
  const { dir, clock, env } = options;
  return {
    clock,
    env: { PATH: env['PATH'] },
    timeoutMs,
    vars: { HOME: dir, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
  };
}

function runLocal(
  options: MirrorOptions,
  args: readonly string[],
): Promise<Result<GitOutput, Finding>> {
  const host = cleanHost(options, gitTimeoutMs);
  return runGit({ dir: options.dir, args, outputBytesMax: gitErrorBytesMax, host });
}

async function runRemote(
  options: OpenMirror,
  args: readonly string[],
): Promise<Result<GitOutput, Finding>> {
  const { address, credentials, env, dir } = options;
  const access = await remoteAccess(address, credentials, env);
  if (!access.ok) return access;
  const host = cleanHost(options, options.fetchTimeoutMs ?? fetchTimeoutMs);
  const run: GitRun = {
    ...{ dir, args, outputBytesMax: gitErrorBytesMax },
    settings: [...fetchSettings, ...access.value.settings, `remote.origin.url=${address.url}`],
    host: { ...host, vars: { ...host.vars, ...access.value.vars } },
    stopWhen: () => (options.isClosed() ? remoteLeft(address.url) : tooLarge(options)),
  };
  return runGit(run);
}

/** The first time only the newest commit; after that every commit that came since, so that each can be judged. */
async function fetchBranch(options: OpenMirror): Promise<Result<CommitId, Finding>> {
  const { address, branch } = options;
  const before = await readRef(options, headRef);
  if (!before.ok) return before;
  const packsBefore = packsOf(options.dir);
  const run = await runFetch(options, before.value === undefined ? ['--depth=1'] : []);
  const large = tooLarge(options);
  if (large !== undefined) {
    await forget(options, packsBefore, before.value === undefined);
    return err(large);
  }
  removePacks(options.dir, (name) => name.startsWith('tmp_'));
  if (!run.ok) return err(asRemote(run.error, address.url));
  const { status, stderr } = run.value;
  if (status !== 0) return err(remoteFailure(address.url, branch, stderr));
  const head = await readRef(options, incomingRef);
  if (!head.ok) return head;
  if (head.value === undefined) return err(commitUnreadable('HEAD', 'no answer'));
  const problem = await writeRef(options, headRef, head.value);
  if (problem !== undefined) return err(problem);
  const packs = packsOf(options.dir).filter((name) => name.endsWith('.pack'));
  if (packs.length > (options.packsMax ?? packsMax)) await repack(options);
  return ok(head.value);
}

function runFetch(
  options: OpenMirror,
  depth: readonly string[],
): Promise<Result<GitOutput, Finding>> {
  const from = options.branch === undefined ? 'HEAD' : `refs/heads/${options.branch}`;
  return runRemote(options, [
    ...['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'],
    ...depth,
    `--filter=blob:limit=${intentFileBytesMax + 1}`,
    ...['origin', `+${from}:${incomingRef}`],
  ]);
}

/** Most often a commit or two came meanwhile; a whole history is the last that is asked for. */
const furtherBack: readonly string[] = ['--deepen=50', '--deepen=2000', '--unshallow'];

/**
 * A copy that was made after `earlier` was accepted elsewhere begins at the newest commit: only what lies between them says
 * whether one stands on the other.
 */
async function standsOn(
  options: OpenMirror,
  later: CommitId,
  earlier: CommitId,
): Promise<Result<boolean, Finding>> {
  const { url } = options.address;
  for (const depth of furtherBack) {
    if (await has(options, earlier)) return contains(options, later, earlier);
    if (!existsSync(join(options.dir, 'shallow'))) return ok(false);
    const run = await runFetch(options, [depth]);
    removePacks(options.dir, (name) => name.startsWith('tmp_'));
    if (!run.ok) return err(asRemote(run.error, url));
    const { status, stderr } = run.value;
    if (status !== 0) return err(remoteFailure(url, options.branch, stderr));
  }
  return (await has(options, earlier)) ? contains(options, later, earlier) : ok(false);
}

async function has(options: MirrorOptions, commit: CommitId): Promise<boolean> {
  const run = await runLocal(options, ['cat-file', '-e', `${commit}^{commit}`]);
  return run.ok && run.value.status === 0;
}

/** Each fetch leaves a pack, and git looks into each; put together they also share what they have in common. */
const packsMax = 50;

/** Nothing is thrown away: a commit that was accepted may be gone back to. A failure is tried again at the next fetch. */
async function repack(options: MirrorOptions): Promise<void> {
  const { dir } = options;
  const host = cleanHost(options, options.fetchTimeoutMs ?? fetchTimeoutMs);
  const args = ['repack', '-a', '-d', '-k', '--quiet'];
  await runGit({ dir, args, outputBytesMax: gitErrorBytesMax, host });
}

/** Takes away what was too large, so that a branch that is mended finds room. Nothing else stands on it yet. */
async function forget(
  options: MirrorOptions,
  packsBefore: readonly string[],
  first: boolean,
): Promise<void> {
  await runLocal(options, ['update-ref', '-d', incomingRef]);
  removePacks(options.dir, (name) => !packsBefore.includes(name));
  if (first) rmSync(join(options.dir, 'shallow'), { force: true });
}

function asRemote(finding: Finding, url: string): Finding {
  return finding.code === 'CH5306' ? remoteUnreachable(url, finding.message) : finding;
}

function tooLarge(options: MirrorOptions): Finding | undefined {
  const bytesMax = options.bytesMax ?? mirrorBytesMax;
  const bytes = packsOf(options.dir).reduce(
    (sum, name) => sum + sizeOf(packPath(options.dir, name)),
    0,
  );
  return bytes > bytesMax ? repositoryTooLarge(options.address.url, bytesMax) : undefined;
}

function packsOf(dir: string): readonly string[] {
  return filesIn(packPath(dir));
}

function removePacks(dir: string, which: (name: string) => boolean): void {
  for (const name of packsOf(dir).filter(which)) rmSync(packPath(dir, name), { force: true });
  // A fetch that was ended leaves its lock; only one runs at a time.
  rmSync(join(dir, 'shallow.lock'), { force: true });
}

function packPath(dir: string, ...name: readonly string[]): string {
  return join(dir, 'objects', 'pack', ...name);
}

function filesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function readRef(
  options: MirrorOptions,
  ref: string,
): Promise<Result<CommitId | undefined, Finding>> {
  const args = ['rev-parse', '--verify', '--quiet', ref];
  const answer = await askGit({ dir: options.dir, args, host: cleanHost(options, gitTimeoutMs) });
  return answer.ok ? ok(parseCommitId(answer.value ?? '')) : answer;
}

async function writeRef(
  options: MirrorOptions,
  ref: string,
  commit: CommitId,
): Promise<Finding | undefined> {
  const run = await runLocal(options, ['-c', 'core.fsync=all', 'update-ref', ref, commit]);
  if (!run.ok) return run.error;
  return run.value.status === 0 ? undefined : gitFailed('update-ref', run.value.stderr);
}

async function contains(
  options: MirrorOptions,
  later: CommitId,
  earlier: CommitId,
): Promise<Result<boolean, Finding>> {
  const run = await runLocal(options, ['merge-base', '--is-ancestor', earlier, later]);
  if (!run.ok) return run;
  const { status, stderr } = run.value;
  if (status > 1 || status < 0) return err(commitUnreadable(later, stderr));
  return ok(status === 0);
}
