import { resolve } from 'node:path';
import type { Signing } from '../app/intent-source.ts';
import type { RemoteOptions } from '../app/open-remote.ts';
import { ChanceryError } from '../base/error.ts';
import type { Finding } from '../base/finding.ts';
import type { Result } from '../base/result.ts';
import { checkBranch, parseFolder, parseRemoteAddress } from '../git/remote-address.ts';
import type { AllowedSigners } from '../git/signatures.ts';
import {
  type DurationFlag,
  durationMsOf,
  type HelpLine,
  portOf,
  usageError,
  type Values,
} from './arguments.ts';

/** Flags of `server` for intent that comes from a repository elsewhere. */
export const remoteFlags = {
  repo: { type: 'string' },
  branch: { type: 'string' },
  path: { type: 'string' },
  poll: { type: 'string' },
  'git-token-file': { type: 'string' },
  'git-ca': { type: 'string' },
  'git-key': { type: 'string' },
  'git-known-hosts': { type: 'string' },
  'allow-rewind': { type: 'boolean' },
  'webhook-port': { type: 'string' },
  'webhook-secret-file': { type: 'string' },
} as const;

/** Flags of `server` for signatures, wherever the intent comes from. */
export const signingFlags = {
  'require-signed': { type: 'boolean' },
  'allowed-signers': { type: 'string' },
  'signers-keyring': { type: 'string' },
  'signing-key': { type: 'string' },
} as const;

export const signingHelp: readonly HelpLine[] = [
  [
    '--require-signed',
    'take only commits signed by who is in --allowed-signers FILE (ssh) or --signers-keyring DIR (OpenPGP)',
  ],
  ['--signing-key FILE', 'an ssh key that signs the commits by which changes are taken back'],
];

const pollUnlessSaid = '10s';
/** More often than this a webhook is the better way. */
const pollMsMin = 1_000;
/** Who asks less often does not follow a branch; what a timer takes ends at 24 days. */
const pollMsMax = 24 * 3_600_000;

export const remoteHelp: readonly HelpLine[] = [
  [
    '--repo URL',
    'intent comes from this repository: ssh://, user@host:path, https://, file:// or an absolute path. DIR then holds only the state, with a mirror of the branch in DIR/.chancery/mirror.git',
  ],
  [
    '--branch NAME, --path FOLDER',
    'the branch, and the intent folder in it; the one of HEAD, and the top, unless said',
  ],
  ['--poll TIME', `how often it is asked; ${pollUnlessSaid} unless said`],
  [
    '--git-token-file FILE, --git-ca FILE',
    'https: a token or user:token (mode 0600); the CA of the server',
  ],
  [
    '--git-key FILE, --git-known-hosts FILE',
    'ssh: the private key; the keys of the server. The agent of SSH_AUTH_SOCK, and ~/.ssh/known_hosts, unless said',
  ],
  ['--allow-rewind', 'take a branch that no longer contains the commit that runs'],
  [
    '--webhook-secret-file FILE',
    'fetch at once on a signed POST /v1/git/webhook of GitHub, GitLab, Gitea or Forgejo, at --api-port',
  ],
  ['--webhook-port N', 'take them also without TLS on 127.0.0.1, for a TLS proxy in front'],
];

/** Undefined: no --repo. Files are relative to the folder where they are typed. */
export function remoteOf(values: Values): RemoteOptions | undefined {
  const { text, file } = reader(values);
  const repo = text('repo');
  if (repo === undefined) {
    const lone = Object.keys(remoteFlags).find((flag) => values[flag] !== undefined);
    if (lone === 'repo') throw usageError('--repo needs a value');
    if (lone !== undefined) throw usageError(`--${lone} needs --repo`);
    return undefined;
  }
  if (values['dev'] === true) throw usageError('--repo and --dev do not go together');
  const branch = text('branch');
  const wrongBranch = branch === undefined ? undefined : checkBranch(branch);
  if (wrongBranch !== undefined) throw new ChanceryError(wrongBranch);
  return {
    address: orThrow(parseRemoteAddress(repo)),
    branch,
    prefix: orThrow(parseFolder(text('path') ?? '')),
    pollMs: pollMsOf(text('poll') ?? pollUnlessSaid),
    credentials: {
      ...said('tokenFile', file('git-token-file')),
      ...said('caFile', file('git-ca')),
      ...said('keyFile', file('git-key')),
      ...said('knownHostsFile', file('git-known-hosts')),
    },
    allowRewind: values['allow-rewind'] === true,
    webhook: webhookOf(text('webhook-port'), file('webhook-secret-file'), values),
  };
}

export function signingOf(values: Values): Signing {
  const { file } = reader(values);
  const signing = { signers: signersOf(values, file), signingKey: file('signing-key') };
  if (values['dev'] !== true || Object.values(signing).every((one) => one === undefined)) {
    return signing;
  }
  throw usageError('files as they lie have no signatures: --dev goes without them');
}

function reader(values: Values) {
  const text = (flag: string): string | undefined => {
    const value = values[flag];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const file = (flag: string): string | undefined => {
    const path = text(flag);
    return path === undefined ? undefined : resolve(path);
  };
  return { text, file };
}

function said<Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: string });
}

/** Signers that are given but not asked for would be a check that somebody believes in and nobody makes. */
function signersOf(
  values: Values,
  file: (flag: string) => string | undefined,
): AllowedSigners | undefined {
  const signers = { sshFile: file('allowed-signers'), gpgFolder: file('signers-keyring') };
  const given = signers.sshFile !== undefined || signers.gpgFolder !== undefined;
  if ((values['require-signed'] === true) === given) return given ? signers : undefined;
  throw usageError('--require-signed and --allowed-signers or --signers-keyring go together');
}

function webhookOf(
  port: string | undefined,
  secretFile: string | undefined,
  values: Values,
): RemoteOptions['webhook'] {
  if (port === undefined && secretFile === undefined) return undefined;
  if (secretFile === undefined) {
    throw usageError('--webhook-port needs --webhook-secret-file');
  }
  if (port === undefined) {
    if (values['api-port'] !== undefined) return { port, secretFile };
    throw usageError('--webhook-secret-file needs --api-port or --webhook-port');
  }
  return { port: portOf('--webhook-port', port), secretFile };
}

const pollFlag: DurationFlag = { flag: '--poll', units: ['s', 'm', 'h'], suchAs: '10s or 5m' };

function pollMsOf(value: string): number {
  const pollMs = durationMsOf(pollFlag, value);
  if (pollMs >= pollMsMin && pollMs <= pollMsMax) return pollMs;
  throw usageError(`--poll is from 1s to 24h, not "${value}"`);
}

function orThrow<Value>(result: Result<Value, Finding>): Value {
  if (!result.ok) throw new ChanceryError(result.error);
  return result.value;
}
