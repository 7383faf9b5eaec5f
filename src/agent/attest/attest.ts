import { closeSync, constants, openSync, readFileSync, readlinkSync } from 'node:fs';
import { err, ok, type Result } from '../../base/result.ts';
import type { Unknown } from '../../identity/match-entry.ts';
import type { Selector } from '../../model/types.ts';
import type { Peer } from '../../serve/grpc/peer.ts';
import type { PeerProcess } from '../../serve/grpc/peer-process.ts';
import type { AccountNames } from './account-names.ts';
import { cgroupSelectors } from './cgroup.ts';
import type { FileHashes } from './file-hash.ts';

export interface Attested {
  readonly pid: number;
  /** All that was found, by kind; several of one kind are possible. */
  readonly selectors: readonly Selector[];
  /** Selectors that could not be found out, and why. */
  readonly missing: readonly Unknown[];
}

export interface AttestorParts {
  readonly users: AccountNames;
  readonly groups: AccountNames;
  readonly hashes: FileHashes;
}

/** Processes of a user namespace that this one has no number for. */
const unmappedUid = 65_534;

/**
 * What a caller is, from the kernel and never from what it says. Its process is looked at through the handle that was
 * opened when it connected, and looked at again at the end: if it has gone, been replaced, changed its user or runs
 * another program than when it connected, nothing that was read counts.
 *
 * The identity is that of the process that called connect(): a descriptor passed on to another process keeps it.
 */
export async function attest(
  peer: Peer,
  parts: AttestorParts,
  options: { readonly hash: boolean },
): Promise<Result<Attested, string>> {
  if (peer.kind !== 'unix') {
    return err(peer.kind === 'unknown' ? peer.reason : 'the caller did not come by a unix socket');
  }
  const { process, credentials } = peer;
  if (process === undefined) return err('this socket attests nobody');
  if (credentials.uid === unmappedUid) {
    return err('the caller lives in a user namespace that is not mapped here');
  }
  try {
    const before = statusOf(process.read('status'));
    if (before.uid !== credentials.uid) return err('the caller changed its user after connecting');
    const missing: { kind: string; reason: string }[] = [];
    const selectors = [
      ...(await accountSelectors(before, parts)),
      ...(await executableSelectors(process, parts, options.hash, missing)),
      ...cgroupSelectors(process.read('cgroup')),
      ...(await parentSelectors(process, parts)),
    ];
    const after = statusOf(process.read('status'));
    const problem =
      process.changed() ?? (sameAccount(before, after) ? undefined : 'the caller changed its user');
    return problem === undefined ? ok({ pid: process.pid, selectors, missing }) : err(problem);
  } catch {
    return err(process.changed() ?? `process ${process.pid} cannot be looked at`);
  }
}

interface Status {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Effective user and group, as SO_PEERCRED has them. */
function statusOf(text: string): Status {
  const numbers = (field: string): number[] =>
    (new RegExp(`^${field}:(.*)$`, 'm').exec(text)?.[1] ?? '')
      .trim()
      .split(/\s+/)
      .filter((word) => word !== '')
      .map(Number);
  const [, uid = unmappedUid] = numbers('Uid');
  const [, gid = unmappedUid] = numbers('Gid');
  return { uid, gid, groups: numbers('Groups') };
}

function sameAccount(a: Status, b: Status): boolean {
  return a.uid === b.uid && a.gid === b.gid && a.groups.join() === b.groups.join();
}

async function accountSelectors(
  { uid, gid, groups }: Status,
  parts: AttestorParts,
): Promise<Selector[]> {
  const user = await parts.users.nameOf(uid);
  const group = await parts.groups.nameOf(gid);
  const selectors = [
    { kind: 'unix:uid', value: String(uid) },
    ...(user === undefined ? [] : [{ kind: 'unix:user', value: user }]),
    { kind: 'unix:gid', value: String(gid) },
    ...(group === undefined ? [] : [{ kind: 'unix:group', value: group }]),
  ];
  for (const id of groups) {
    selectors.push({ kind: 'unix:supplementary_gid', value: String(id) });
    const name = await parts.groups.nameOf(id);
    if (name !== undefined) selectors.push({ kind: 'unix:supplementary_group', value: name });
  }
  return selectors;
}

async function executableSelectors(
  process: PeerProcess,
  parts: AttestorParts,
  hash: boolean,
  missing: { kind: string; reason: string }[],
): Promise<Selector[]> {
  const selectors: Selector[] = [];
  const path = process.exePath();
  if (path === undefined) {
    missing.push({ kind: 'unix:path', reason: 'the agent may not look at it; it needs root' });
  } else if (path.endsWith(' (deleted)')) {
    missing.push({ kind: 'unix:path', reason: 'its file was replaced since it started' });
  } else selectors.push({ kind: 'unix:path', value: path });
  if (!hash) return selectors;
  const digest = await parts.hashes.of(process.path('exe'));
  if (digest.ok) selectors.push({ kind: 'unix:sha256', value: digest.value });
  else missing.push({ kind: 'unix:sha256', reason: digest.error });
  return selectors;
}

/** The parent is held open too while it is looked at, and must still be the parent afterwards. */
async function parentSelectors(process: PeerProcess, parts: AttestorParts): Promise<Selector[]> {
  const parent = parentOf(process);
  if (parent <= 0) return [];
  let dirFd: number | undefined;
  try {
    dirFd = openSync(`/proc/${parent}`, constants.O_RDONLY | constants.O_DIRECTORY);
    const at = `/proc/self/fd/${dirFd}`;
    const { uid } = statusOf(readFileSync(`${at}/status`, 'utf8'));
    const user = await parts.users.nameOf(uid);
    const path = readlinkSync(`${at}/exe`);
    if (parentOf(process) !== parent) return [];
    return [
      { kind: 'parent:uid', value: String(uid) },
      ...(user === undefined ? [] : [{ kind: 'parent:user', value: user }]),
      ...(path.endsWith(' (deleted)') ? [] : [{ kind: 'parent:path', value: path }]),
    ];
  } catch {
    return [];
  } finally {
    if (dirFd !== undefined) closeSync(dirFd);
  }
}

function parentOf(process: PeerProcess): number {
  const stat = process.read('stat');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
