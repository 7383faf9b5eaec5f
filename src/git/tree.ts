import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { CommitId } from './commit.ts';
import {
  commitUnreadable,
  fileTooLarge,
  nothingCommitted,
  notText,
  submoduleRefused,
  symlinkRefused,
  treeTooLarge,
} from './findings.ts';
import { isIntentPath, servicesFolder } from './intent-path.ts';
import { intentBytesMax, intentFileBytesMax, intentFilesMax, listingBytesMax } from './limits.ts';
import { type GitHost, type GitOutput, runGit } from './process.ts';

/** Path below the intent folder (`mesh.yaml`, `services/a.yaml`) to its text, sorted by path. */
export type IntentFiles = ReadonlyMap<string, string>;

export interface TreeSource {
  readonly host: GitHost;
  /** Git runs here and not in the intent folder, which a branch switch may take away. */
  readonly gitDir: string;
  /** The intent folder below the top of the repository: empty, or ending in a slash. */
  readonly prefix: string;
}

interface Entry {
  readonly path: string;
  readonly kind: 'file' | 'symlink' | 'submodule' | 'folder';
  readonly mode: string;
  readonly id: string;
  readonly bytes: number;
}

/** Reads the intent files of one commit; the work tree plays no part. All refusals are reported at once. */
export async function readCommitTree(
  source: TreeSource,
  commit: CommitId,
): Promise<Result<IntentFiles, readonly Finding[]>> {
  const listed = await listIntent(source, commit);
  if (!listed.ok) return err([listed.error]);
  const entries = listed.value;
  const findings = refusals(entries);
  if (findings.length > 0) return err(findings);
  const files = entries.filter((entry) => entry.kind === 'file');
  if (files.length === 0) return err([nothingCommitted(source.prefix, commit)]);
  const contents = await readBlobs(source, commit, files);
  if (!contents.ok) return err([contents.error]);
  return decodeFiles(contents.value);
}

/** Each path of intent, from the top of the repository, with its mode and id: all that a commit says of it. */
export async function intentEntries(
  source: TreeSource,
  commit: CommitId,
): Promise<Result<ReadonlyMap<string, string>, Finding>> {
  const listed = await listNames(source, commit);
  if (!listed.ok) return listed;
  const lines = listed.value.map(
    ({ path, mode, id }) => [`${source.prefix}${path}`, `${mode} ${id}`] as const,
  );
  return ok(new Map(lines));
}

/** Turns bytes into text; a file that is not UTF-8 text is refused, for its marks would point at wrong places. */
export function decodeFiles(
  contents: ReadonlyMap<string, Uint8Array>,
): Result<IntentFiles, readonly Finding[]> {
  const files = new Map<string, string>();
  const findings: Finding[] = [];
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (const [path, bytes] of contents) {
    try {
      const text = decoder.decode(bytes);
      if (text.includes('\0')) findings.push(notText(path));
      else files.set(path, text);
    } catch {
      findings.push(notText(path));
    }
  }
  return findings.length > 0 ? err(findings) : ok(files);
}

const listing = ['ls-tree', '-z', '-r', '-t', '--full-tree'];

async function listIntent(
  source: TreeSource,
  commit: CommitId,
): Promise<Result<readonly Entry[], Finding>> {
  const run = await runListing(source, commit, ['--long']);
  if (!run.ok) return run;
  if (run.value.status === 0) return entriesOf(source, commit, run.value);
  const absent = absentBlob(run.value.stderr);
  if (absent === undefined) return err(commitUnreadable(commit, run.value.stderr));
  return listWithoutAll(source, commit);
}

/**
 * Where a large blob was left on the server (a mirror asks for that), git gives no sizes at all. So they are asked for the
 * files of intent alone; one that is not here is larger than any of them may be.
 */
async function listWithoutAll(
  source: TreeSource,
  commit: CommitId,
): Promise<Result<readonly Entry[], Finding>> {
  const listed = await listNames(source, commit);
  if (!listed.ok) return listed;
  const files = listed.value.filter(({ kind }) => kind === 'file');
  const run = await runGit({
    dir: source.gitDir,
    args: [`--git-dir=${source.gitDir}`, 'cat-file', '--batch-check=%(objectname) %(objectsize)'],
    input: files.map(({ id }) => `${id}\n`).join(''),
    outputBytesMax: files.length * batchHeaderBytesMax,
    host: source.host,
  });
  if (!run.ok) return run;
  const absent = absentBlob(run.value.stderr);
  if (run.value.status !== 0 && absent === undefined) {
    return err(commitUnreadable(commit, run.value.stderr));
  }
  const lines = run.value.stdout.toString('latin1').split('\n');
  const sizes = new Map(lines.map((line) => line.split(' ', 2) as [string, string]));
  const bytesOf = (id: string): number =>
    id === absent ? Number.POSITIVE_INFINITY : Number(sizes.get(id) ?? 0);
  return ok(listed.value.map((entry) => ({ ...entry, bytes: bytesOf(entry.id) })));
}

async function listNames(
  source: TreeSource,
  commit: CommitId,
): Promise<Result<readonly Entry[], Finding>> {
  const run = await runListing(source, commit, []);
  if (!run.ok) return run;
  if (run.value.status !== 0) return err(commitUnreadable(commit, run.value.stderr));
  return entriesOf(source, commit, run.value);
}

function runListing(
  source: TreeSource,
  commit: CommitId,
  flags: readonly string[],
): Promise<Result<GitOutput, Finding>> {
  const { prefix, gitDir, host } = source;
  const wanted = [`${prefix}mesh.yaml`, `${prefix}${servicesFolder}`];
  return runGit({
    dir: gitDir,
    args: [`--git-dir=${gitDir}`, ...listing, ...flags, commit, '--', ...wanted],
    outputBytesMax: listingBytesMax,
    host,
  });
}

function entriesOf(
  { prefix }: TreeSource,
  commit: CommitId,
  { stdout, truncated }: GitOutput,
): Result<readonly Entry[], Finding> {
  if (truncated) {
    return err(treeTooLarge(`a listing of at most ${listingBytesMax} bytes`, 'a longer one'));
  }
  const entries = parseListing(stdout.toString('utf8'), prefix);
  if (entries === undefined) return err(commitUnreadable(commit, 'git ls-tree was not understood'));
  return ok(entries);
}

function absentBlob(stderr: string): string | undefined {
  return /could not fetch ([0-9a-f]{40,64}) from promisor remote/.exec(stderr)?.[1];
}

/** `<mode> SP <type> SP <id> [SP+ <size or ->] TAB <path> NUL`, as git-ls-tree documents for `-z` and `--long`. */
function parseListing(text: string, prefix: string): readonly Entry[] | undefined {
  const entries: Entry[] = [];
  for (const line of text.split('\0')) {
    if (line === '') continue;
    const match = /^(\d{6}) (\w+) ([0-9a-f]{40,64})(?: +(\d+|-))?\t([\s\S]+)$/.exec(line);
    if (match === null) return undefined;
    const [, mode = '', type = '', id = '', size = '-', fullPath = ''] = match;
    const path = fullPath.slice(prefix.length);
    const bytes = size === '-' ? 0 : Number(size);
    const kind = kindOf(mode, type);
    const relevant = fullPath.startsWith(prefix) && (isIntentPath(path) || path === servicesFolder);
    if (relevant && !(kind === 'folder' && path === servicesFolder)) {
      entries.push({ path, kind, mode, id, bytes });
    }
  }
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function kindOf(mode: string, type: string): Entry['kind'] {
  if (mode === '120000') return 'symlink';
  if (type === 'commit') return 'submodule';
  return type === 'tree' ? 'folder' : 'file';
}

function refusals(entries: readonly Entry[]): readonly Finding[] {
  const findings: Finding[] = [];
  let total = 0;
  for (const entry of entries) {
    if (Number.isFinite(entry.bytes)) total += entry.bytes;
    if (entry.kind === 'symlink') findings.push(symlinkRefused(entry.path));
    else if (entry.kind === 'submodule') findings.push(submoduleRefused(entry.path));
    else if (entry.bytes > intentFileBytesMax) {
      findings.push(fileTooLarge(entry.path, entry.bytes, intentFileBytesMax));
    }
  }
  return [...findings, ...sizeRefusals(entries.length, total)];
}

/** The limits on the folder as a whole, the same for a commit and for the work tree. */
export function sizeRefusals(files: number, bytes: number): readonly Finding[] {
  if (files > intentFilesMax) {
    return [treeTooLarge(`at most ${intentFilesMax} files`, `${files} files`)];
  }
  if (bytes > intentBytesMax) {
    return [treeTooLarge(`at most ${intentBytesMax} bytes`, `${bytes} bytes`)];
  }
  return [];
}

async function readBlobs(
  source: TreeSource,
  commit: CommitId,
  files: readonly Entry[],
): Promise<Result<ReadonlyMap<string, Uint8Array>, Finding>> {
  const run = await runGit({
    dir: source.gitDir,
    args: [`--git-dir=${source.gitDir}`, 'cat-file', '--batch'],
    input: files.map((file) => `${file.id}\n`).join(''),
    outputBytesMax: intentBytesMax + files.length * batchHeaderBytesMax,
    host: source.host,
  });
  if (!run.ok) return run;
  const blobs = parseBatch(run.value.stdout, files);
  if (blobs === undefined) {
    return err(commitUnreadable(commit, run.value.stderr || 'an object of it is missing'));
  }
  return ok(blobs);
}

/** `<id> blob <size>`, a line end before and after the content. */
const batchHeaderBytesMax = 128;

function parseBatch(
  output: Buffer,
  files: readonly Entry[],
): ReadonlyMap<string, Uint8Array> | undefined {
  const blobs = new Map<string, Uint8Array>();
  let offset = 0;
  for (const file of files) {
    const lineEnd = output.indexOf('\n', offset);
    const header = output.toString('latin1', offset, Math.max(lineEnd, offset));
    if (header !== `${file.id} blob ${file.bytes}`) return undefined;
    const start = lineEnd + 1;
    const end = start + file.bytes;
    if (end + 1 > output.length) return undefined;
    blobs.set(file.path, output.subarray(start, end));
    offset = end + 1;
  }
  return blobs;
}
