import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { ChanceryError } from '../base/error.ts';
import type { Random } from '../base/random.ts';

const kekBytes = 32;

/**
 * The key-encryption key in a file of its own: base64, readable by its owner only. Made at the first use.
 * Errors: CH5210 (mode or owner), CH5211 (content).
 */
export function openKekFile(path: string, random: Random): Uint8Array {
  try {
    const fd = openSync(path, 'wx', 0o600);
    writeSync(fd, `${Buffer.from(random.bytes(kekBytes)).toString('base64')}\n`);
    fsyncSync(fd);
    closeSync(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readKekFile(path);
}

function readKekFile(path: string): Uint8Array {
  const fd = openSync(path, 'r');
  try {
    const { mode, uid } = fstatSync(fd);
    if ((mode & 0o077) !== 0 || uid !== process.getuid?.()) throw tooOpen(path, mode, uid);
    const kek = Buffer.from(readFileSync(fd, 'utf8').trim(), 'base64');
    if (kek.length === kekBytes) return kek;
  } finally {
    closeSync(fd);
  }
  throw new ChanceryError({
    code: 'CH5211',
    message: `the key file "${path}" does not hold a key`,
    expected: '32 bytes in base64',
    help: 'restore it from your backup; what was sealed with it opens with nothing else',
  });
}

function tooOpen(path: string, mode: number, uid: number): ChanceryError {
  return new ChanceryError({
    code: 'CH5210',
    message: `the key file "${path}" can be read by others`,
    expected: 'owned by the user that runs the control plane, mode 0600',
    found: `owned by uid ${uid}, mode ${(mode & 0o777).toString(8).padStart(4, '0')}`,
    help: `chmod 600 ${path}, and think about who may have read it`,
  });
}
