import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { addressRefused, branchRefused, folderNameRefused } from './remote-findings.ts';

/** Where a repository is fetched from. The text never holds a secret: it stands in arguments, logs and findings. */
export interface RemoteAddress {
  readonly transport: 'ssh' | 'https' | 'file';
  /** As git takes it. */
  readonly url: string;
}

/**
 * ssh://, user@host:path, https://, file:// or an absolute path. What is not authenticated (http:, git:), what starts a
 * program (ext::) and a password in the address are refused with CH5315.
 */
export function parseRemoteAddress(text: string): Result<RemoteAddress, Finding> {
  if (/[\s\0]/.test(text)) return err(addressRefused(text, 'a space or line end in it'));
  if (text.startsWith('/')) return ok({ transport: 'file', url: text });
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined) return parseUrl(text, scheme);
  // A name with a dash in front would be an option of ssh.
  if (/^(?:[a-z0-9_][\w.-]*@)?[a-z0-9][a-z0-9.-]*:(?!:)[^-]/i.test(text)) {
    return ok({ transport: 'ssh', url: text });
  }
  return err(addressRefused(text, 'none of them'));
}

function parseUrl(text: string, scheme: string): Result<RemoteAddress, Finding> {
  const url = URL.parse(text);
  if (url === null) return err(addressRefused(text, 'not a URL'));
  if (url.password !== '') {
    url.password = '';
    return err(addressRefused(url.href, 'a password in the address'));
  }
  if (scheme === 'file') return ok({ transport: 'file', url: text });
  if (scheme !== 'ssh' && scheme !== 'https') return err(addressRefused(text, `${scheme}://`));
  if (!/^[a-z0-9[]/i.test(url.hostname) || url.username.startsWith('-')) {
    return err(addressRefused(text, `the host "${url.hostname}"`));
  }
  return ok({ transport: scheme, url: text });
}

/** What git calls a branch (git-check-ref-format), without what has a meaning in a refspec. */
export function checkBranch(name: string): Finding | undefined {
  const fine =
    /^[\w][\w./@+-]*$/.test(name) && !/\.\.|\/\/|@\{|\.lock(?:\/|$)|\/\.|[./]$/.test(name);
  return fine ? undefined : branchRefused(name);
}

/** The sub-folder as git prints it: empty, or ending in a slash. */
export function parseFolder(text: string): Result<string, Finding> {
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  const bad = text.startsWith('/') || parts.some((part) => part === '..' || part.includes('\0'));
  if (bad) return err(folderNameRefused(text));
  return ok(parts.length === 0 ? '' : `${parts.join('/')}/`);
}
