import type { RemoteAddress } from './remote-address.ts';

/** What two spellings of one repository have in common. */
interface Place {
  readonly host: string;
  /** Empty: that of the transport. */
  readonly port: string;
  /** Without slashes around it and without `.git`. */
  readonly path: string;
}

const ownPorts = { ssh: '22', https: '443' } as const;

/** Where large hosts take ssh on the port of https, for networks that let nothing else out. */
const otherNames: Readonly<Record<string, string>> = {
  'ssh.github.com': 'github.com',
  'altssh.gitlab.com': 'gitlab.com',
  'altssh.bitbucket.org': 'bitbucket.org',
};

/**
 * Whether two addresses name one repository, by ssh or by https: one host and one path, whoever logs in. Ports are held
 * against each other only within one transport: a Git server has one for each.
 */
export function sameRepository(a: RemoteAddress, b: RemoteAddress): boolean {
  if (a.transport === 'file' || b.transport === 'file') return fileOf(a) === fileOf(b);
  const [one, other] = [placeOf(a.transport, a.url), placeOf(b.transport, b.url)];
  if (one.host !== other.host) return false;
  if (a.transport === b.transport) return one.port === other.port && one.path === other.path;
  const [https, ssh] = a.transport === 'https' ? [one, other] : [other, one];
  // Bitbucket Data Center has /scm in front of what it serves by https.
  return https.path === ssh.path || https.path === `scm/${ssh.path}`;
}

function placeOf(transport: 'ssh' | 'https', url: string): Place {
  const parsed = url.includes('://') ? URL.parse(url) : undefined;
  if (parsed === undefined || parsed === null) return scpPlace(url);
  const host = parsed.hostname.toLowerCase();
  const port = parsed.port === ownPorts[transport] ? '' : parsed.port;
  const path = trimmed(decoded(parsed.pathname));
  const known = transport === 'ssh' && port === ownPorts.https ? otherNames[host] : undefined;
  return known === undefined ? { host, port, path } : { host: known, port: '', path };
}

/** [user@]host:path */
function scpPlace(text: string): Place {
  const colon = text.indexOf(':');
  const host = text.slice(text.lastIndexOf('@', colon) + 1, colon).toLowerCase();
  return { host, port: '', path: trimmed(text.slice(colon + 1)) };
}

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, '').replace(/\/*\.git$/, '');
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Beside a folder there may be another one with `.git` in its name. */
function fileOf({ transport, url }: RemoteAddress): string | undefined {
  if (transport !== 'file') return undefined;
  const path = url.startsWith('/') ? url : decoded(URL.parse(url)?.pathname ?? url);
  return path.replace(/\/+$/, '');
}
