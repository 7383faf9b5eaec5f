import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../base/finding.ts';
import { ok, type Result } from '../base/result.ts';
import type { RemoteAddress } from './remote-address.ts';
import { readSecretFile } from './secret-file.ts';

/** Who we are to the server, and how we know it. Files only: a secret in an argument is there for all to read. */
export interface RemoteCredentials {
  /** For https: a file with a token, or with `user:token`. */
  readonly tokenFile?: string;
  /** For https: PEM of the CAs of the server, in place of the system's. */
  readonly caFile?: string;
  /** For ssh: the private key; without it the agent of SSH_AUTH_SOCK, then the user's own keys. */
  readonly keyFile?: string;
  /** For ssh: in place of the user's own known_hosts. */
  readonly knownHostsFile?: string;
  /** For ssh: the program, with the options of OpenSSH. */
  readonly sshProgram?: string;
}

interface RemoteAccess {
  readonly settings: readonly string[];
  readonly vars: Readonly<Record<string, string>>;
}

/** A line that is slower than this for so long is dead. */
const lowSpeed = ['http.lowSpeedLimit=1000', 'http.lowSpeedTime=30'];

/** How long a server may take to answer at all. */
const sshConnectSeconds = 15;

/** git names a token's user as it likes; all large hosts take any name with a token. */
const tokenUser = 'x-access-token';

const proxyNames = ['https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'];

/**
 * What git needs to reach the remote, and nothing else: one transport, no redirects, no helper, no program and no file of
 * the user's configuration. Errors: CH5328.
 */
export async function remoteAccess(
  address: RemoteAddress,
  credentials: RemoteCredentials,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<RemoteAccess, Finding>> {
  const allowed = [`protocol.${address.transport}.allow=always`, 'credential.helper='];
  switch (address.transport) {
    case 'file':
      return ok({ settings: allowed, vars: {} });
    case 'ssh':
      return ok({
        settings: [...allowed, 'ssh.variant=ssh'],
        vars: { ...pick(env, ['SSH_AUTH_SOCK']), GIT_SSH_COMMAND: sshCommand(credentials) },
      });
    case 'https': {
      const header = await authorization(credentials.tokenFile);
      if (!header.ok) return header;
      const ca = credentials.caFile === undefined ? {} : { GIT_SSL_CAINFO: credentials.caFile };
      const settings = [...allowed, ...lowSpeed, 'http.followRedirects=false'];
      return ok({ settings, vars: { ...pick(env, proxyNames), ...ca, ...header.value } });
    }
  }
}

/** By the environment, which only this user and root can read; the file may change between fetches. */
async function authorization(
  tokenFile: string | undefined,
): Promise<Result<Record<string, string>, Finding>> {
  if (tokenFile === undefined) return ok({});
  const lines = await readSecretFile(tokenFile);
  if (!lines.ok) return lines;
  const [token = ''] = lines.value;
  const pair = token.includes(':') ? token : `${tokenUser}:${token}`;
  return ok({
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${Buffer.from(pair).toString('base64')}`,
  });
}

/** `-F none`: the user's ssh configuration may name programs. */
function sshCommand(credentials: RemoteCredentials): string {
  const { keyFile, sshProgram = 'ssh' } = credentials;
  const knownHosts = credentials.knownHostsFile ?? join(homedir(), '.ssh', 'known_hosts');
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'UpdateHostKeys=no',
    'ClearAllForwardings=yes',
    `ConnectTimeout=${sshConnectSeconds}`,
    'ServerAliveInterval=15',
    `UserKnownHostsFile="${percent(knownHosts)}"`,
    ...(keyFile === undefined ? [] : ['IdentitiesOnly=yes', `IdentityFile="${percent(keyFile)}"`]),
  ];
  const words = ['-F', 'none', ...options.flatMap((option) => ['-o', option])];
  return [sshProgram, ...words].map(quoted).join(' ');
}

/** ssh expands percent signs in names of files. */
function percent(path: string): string {
  return path.replaceAll('%', '%%');
}

/** One word for the shell through which git starts ssh. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function pick(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}
