import { linkSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { ChanceryError } from '../../base/error.ts';
import type { Random } from '../../base/random.ts';
import { heldKek, type KeyEncryption } from '../../identity/key-encryption.ts';
import { replaceDurably, syncFolder } from '../durable-file.ts';
import { readSecretFile } from './secret-file.ts';

const keyBytes = 32;
/** The present one, and the one before while what it sealed is sealed anew. */
const keysMax = 2;

type Keys = readonly [Uint8Array, ...Uint8Array[]];

/**
 * A key in a file of its own: base64, readable by its owner only. Made at the first use.
 * Errors: CH5210 (mode or owner), CH5211 (content).
 */
export function openKekFile(path: string, random: Random): Uint8Array {
  makeOnce(path, random);
  return readKeys(path)[0];
}

/** The file is read at each use, so that a key that was replaced is taken up without a restart. */
export function fileKek(path: string, random: Random): KeyEncryption {
  makeOnce(path, random);
  readKeys(path);
  return heldKek(`file:${path}`, () => readKeys(path), random);
}

/** Puts a new key before the present one; both open until `dropFormerKey`. Left alone when it was done before. */
export function addKey(path: string, random: Random): void {
  const keys = readKeys(path);
  if (keys.length < keysMax) writeKeys(path, [random.bytes(keyBytes), ...keys]);
}

export function dropFormerKey(path: string): void {
  const [present, ...former] = readKeys(path);
  if (former.length > 0) writeKeys(path, [present]);
}

/** Two processes that start at once use one key: the name appears with its whole content, for the first of them. */
function makeOnce(path: string, random: Random): void {
  const own = `${path}.${process.pid}`;
  try {
    readSecretFile(path, 'own');
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  writeKeys(own, [random.bytes(keyBytes)]);
  try {
    linkSync(own, path);
    syncFolder(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function writeKeys(path: string, keys: Keys): void {
  const lines = keys.map((key) => `${Buffer.from(key).toString('base64')}\n`);
  replaceDurably(path, lines.join(''));
}

function readKeys(path: string): Keys {
  const lines = readSecretFile(path, 'own').trim().split('\n');
  const [present, ...former] = lines.map((line) => Buffer.from(line.trim(), 'base64'));
  const all = [present, ...former];
  if (
    present !== undefined &&
    all.length <= keysMax &&
    all.every((key) => key?.length === keyBytes)
  ) {
    return [present, ...former];
  }
  throw new ChanceryError({
    code: 'CH5211',
    message: `the key file "${path}" does not hold a key`,
    expected: '32 bytes in base64',
    help: 'restore it from your backup; what was sealed with it opens with nothing else',
  });
}
