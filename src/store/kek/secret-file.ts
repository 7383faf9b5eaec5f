import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { ChanceryError } from '../../base/error.ts';

/** Longer is no key, passphrase or PIN. */
const secretBytesMax = 4_096;

/**
 * Reads a small secret that only this user can read. One that root gave (as systemd does with credentials) may be readable
 * by a group: the mask of its access list is shown there. Errors: CH5210 (mode or owner); those of the file system as they are.
 */
export function readSecretFile(path: string, from: 'own' | 'own or root' = 'own or root'): string {
  const fd = openSync(path, 'r');
  try {
    const { mode, uid, size } = fstatSync(fd);
    const own = uid === process.getuid?.();
    const forbidden = own || from === 'own' ? 0o077 : 0o007;
    const ownerFits = own || (from === 'own or root' && uid === 0);
    if ((mode & forbidden) !== 0 || !ownerFits) throw tooOpen(path, mode, uid);
    return size > secretBytesMax ? '' : readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function tooOpen(path: string, mode: number, uid: number): ChanceryError {
  return new ChanceryError({
    code: 'CH5210',
    message: `the key file "${path}" can be read by others`,
    expected: 'owned by the user that runs chancery, mode 0600',
    found: `owned by uid ${uid}, mode ${(mode & 0o777).toString(8).padStart(4, '0')}`,
    help: `chmod 600 ${path}, and think about who may have read it`,
  });
}
