import { readFile } from 'node:fs/promises';
import type { Finding } from '../base/finding.ts';
import { type CommitId, parseCommitId } from './commit.ts';
import { commitUnreadable } from './findings.ts';
import { signaturesBytesMax, signaturesTimeoutMs, signedCommitsMax } from './limits.ts';
import { type GitHost, runGit } from './process.ts';
import { commitUnsigned, signatureRefused, tooManyCommits } from './remote-findings.ts';
import { maySignAt } from './signers-file.ts';

/** Who may sign. Either may be left out; a signature of the other kind is then no signature. */
export interface AllowedSigners {
  /** For ssh signatures: a file as ssh-keygen(1) says under ALLOWED SIGNERS. */
  readonly sshFile: string | undefined;
  /** For OpenPGP: a GNUPGHOME folder; every key in it is an allowed signer. */
  readonly gpgFolder: string | undefined;
}

/** What git finds of one commit: the letter of `%G?`, the signer's name and the fingerprint of the key. */
interface Signature {
  readonly commit: CommitId;
  readonly letter: string;
  readonly signer: string;
  readonly fingerprint: string;
  readonly author: string;
}

/** Commits of one push that are named in findings; a person needs the first ones, not a thousand. */
const findingsMax = 20;

/**
 * Checks `head` and every commit that it has and `accepted` has not. Empty: all are signed by allowed signers. Only the
 * files that were given say who that is: no setting of the user or of a repository plays a part.
 */
export async function checkSignatures(
  source: { readonly dir: string; readonly host: GitHost },
  signers: AllowedSigners,
  range: { readonly head: CommitId; readonly accepted: CommitId | undefined },
): Promise<readonly Finding[]> {
  const { head, accepted } = range;
  const allowed = await allowedNow(signers, source.host.clock.nowMs());
  const known = accepted === undefined || accepted === head;
  const which = known ? ['--no-walk', head] : [head, `^${accepted}`];
  const read = await readSignatures(source, signers, head, which);
  if ('code' in read) return [read];
  if (read.length > signedCommitsMax) return [tooManyCommits(head, signedCommitsMax)];
  // A head that stands before the accepted commit is in no such list.
  if (!read.some(({ commit }) => commit === head)) {
    const alone = await readSignatures(source, signers, head, ['--no-walk', head]);
    return 'code' in alone ? [alone] : judge([...read, ...alone], allowed, head);
  }
  return judge(read, allowed, head);
}

interface AllowedNow extends AllowedSigners {
  /** Whether the key of that fingerprint is allowed at this moment, of the file for ssh. */
  readonly isInTime: (fingerprint: string) => boolean;
  readonly isUnread: boolean;
}

async function allowedNow(signers: AllowedSigners, nowMs: number): Promise<AllowedNow> {
  const { sshFile } = signers;
  // One that cannot be read allows nobody: git says so of each commit.
  const text = sshFile === undefined ? '' : await readFile(sshFile, 'utf8').catch(() => undefined);
  const isInTime = (fingerprint: string): boolean => maySignAt(text ?? '', fingerprint, nowMs);
  return { ...signers, isInTime, isUnread: text === undefined };
}

/** `head` must be among them: an answer of nothing is no proof. */
function judge(
  signatures: readonly Signature[],
  signers: AllowedNow,
  head: CommitId,
): readonly Finding[] {
  if (!signatures.some(({ commit }) => commit === head)) {
    return [commitUnreadable(head, 'git log did not name it')];
  }
  return signatures.flatMap((one) => judgeOne(one, signers) ?? []).slice(0, findingsMax);
}

function judgeOne(signature: Signature, signers: AllowedNow): Finding | undefined {
  const { commit, letter, signer, fingerprint, author } = signature;
  const isSsh = fingerprint.startsWith('SHA256:');
  const refused = (why: string): Finding => signatureRefused(commit, named(signature), why);
  switch (letter) {
    case 'N':
      return commitUnsigned(commit, author);
    case 'G':
      if (signer === '' || fingerprint === '') return refused('git does not say whose it is');
      if (isSsh && signers.sshFile === undefined) return refused('ssh signatures are not allowed');
      if (!isSsh && signers.gpgFolder === undefined) return refused('OpenPGP is not allowed');
      if (isSsh && !signers.isInTime(fingerprint)) return refused('its key is out of its time now');
      return undefined;
    case 'U':
      // The folder says whom we trust, not the owner trust that somebody has set in it.
      if (!isSsh && fingerprint !== '' && signers.gpgFolder !== undefined) return undefined;
      return refused(
        isSsh && signers.isUnread
          ? 'the file of --allowed-signers cannot be read'
          : 'the signer is not an allowed one',
      );
    case 'B':
      return refused('it does not fit the commit, or the key may not sign');
    case 'X':
    case 'Y':
      return refused('it or its key has expired');
    case 'R':
      return refused('the key was revoked');
    default:
      return refused('it cannot be checked: the key is not known');
  }
}

function named({ signer, fingerprint }: Signature): string {
  return [signer, fingerprint].filter((part) => part !== '').join(' ');
}

const format = '--format=%H%x00%G?%x00%GS%x00%GF%x00%an <%ae>%x00%x00';

async function readSignatures(
  source: { readonly dir: string; readonly host: GitHost },
  signers: AllowedSigners,
  head: CommitId,
  which: readonly string[],
): Promise<readonly Signature[] | Finding> {
  const { host, dir } = source;
  const { sshFile, gpgFolder } = signers;
  const run = await runGit({
    dir,
    args: ['log', format, `--max-count=${signedCommitsMax + 1}`, ...which, '--'],
    outputBytesMax: signaturesBytesMax,
    settings: [
      `gpg.ssh.program=${sshFile === undefined ? 'false' : 'ssh-keygen'}`,
      `gpg.ssh.allowedSignersFile=${sshFile ?? '/dev/null'}`,
      'gpg.ssh.revocationFile=',
      `gpg.openpgp.program=${gpgFolder === undefined ? 'false' : 'gpg'}`,
      `gpg.program=${gpgFolder === undefined ? 'false' : 'gpg'}`,
      'gpg.x509.program=false',
      'gpg.minTrustLevel=undefined',
      'log.showSignature=false',
      'i18n.logOutputEncoding=UTF-8',
    ],
    host: {
      ...host,
      timeoutMs: Math.max(host.timeoutMs, signaturesTimeoutMs),
      vars: { ...host.vars, ...(gpgFolder === undefined ? {} : { GNUPGHOME: gpgFolder }) },
    },
  });
  if (!run.ok) return run.error;
  const { status, stdout, stderr, truncated } = run.value;
  if (truncated) return tooManyCommits(head, signedCommitsMax);
  if (status !== 0) return commitUnreadable(head, stderr);
  return parse(stdout.toString('utf8')) ?? commitUnreadable(head, 'git log was not understood');
}

/** A name may hold any character but NUL and a line end, so records are told apart by two NULs and a line end. */
function parse(text: string): readonly Signature[] | undefined {
  const signatures: Signature[] = [];
  for (const record of text.split('\0\0\n')) {
    if (record === '') continue;
    const [id = '', letter = '', signer = '', fingerprint = '', author = ''] = record.split('\0');
    const commit = parseCommitId(id);
    if (commit === undefined) return undefined;
    signatures.push({ commit, letter, signer, fingerprint, author });
  }
  return signatures;
}
