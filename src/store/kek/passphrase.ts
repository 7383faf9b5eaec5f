import { scrypt } from 'node:crypto';
import { ChanceryError } from '../../base/error.ts';
import type { Random } from '../../base/random.ts';
import { err, type Result } from '../../base/result.ts';
import type { KeyEncryption } from '../../identity/key-encryption.ts';
import { type OpenError, open, seal } from '../../identity/seal.ts';

/** Gives the passphrase; `new`: nothing was sealed with it yet, and a typing error would lose what is. */
export type PassphraseSource = (use: 'new' | 'present') => Promise<string>;

/** A wrapped key: log2 of N, r, p, salt, and the key sealed with what scrypt makes of them. */
interface Cost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** 128 MiB and about half a second for each guess. */
const presentCost: Cost = { logN: 17, r: 8, p: 1 };
/** What is read from a store may ask for 1 GiB at most. */
const memoryBytesMax = 2 ** 30;
const parallelMax = 4;
const saltBytes = 16;
const headBytes = 3 + saltBytes;
const keyBytes = 32;
/** With less, guessing is cheaper than scrypt makes it dear. */
const passphraseCharsMin = 12;
const wrapContext = 'data key';

/** Errors: CH5213 (there is none, or it is too short), and those of its source. */
export function passphraseKek(
  id: string,
  source: PassphraseSource,
  random: Random,
  cost: Cost = presentCost,
): KeyEncryption {
  let passphrase: Promise<string> | undefined;
  /** The last key that was made: one salt serves a process. */
  let last: { readonly head: Buffer; readonly key: Uint8Array } | undefined;
  const keyOf = async (head: Buffer, use: 'new' | 'present'): Promise<Uint8Array> => {
    if (last?.head.equals(head) === true) return last.key;
    passphrase ??= source(use).then(longEnough);
    return derive(await passphrase, head);
  };
  const wrap = async (dataKey: Uint8Array): Promise<Uint8Array> => {
    const head = last?.head ?? headOf(cost, random.bytes(saltBytes));
    const key = await keyOf(head, 'new');
    last = { head, key };
    return Buffer.concat([head, seal(key, dataKey, wrapContext, random)]);
  };
  const unwrap = async (wrapped: Uint8Array): Promise<Result<Uint8Array, OpenError>> => {
    const head = Buffer.from(wrapped.subarray(0, headBytes));
    if (!isBearable(head)) return err('not a sealed value');
    const key = await keyOf(head, 'present');
    const opened = open(key, wrapped.subarray(headBytes), wrapContext);
    if (opened.ok) last = { head, key };
    if (opened.ok || opened.error !== 'sealed with another key') return opened;
    return err('the passphrase is another one');
  };
  return { id, wrap, unwrap };
}

function headOf({ logN, r, p }: Cost, salt: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(logN, r, p), salt]);
}

function isBearable(head: Buffer): boolean {
  if (head.length !== headBytes) return false;
  const [logN = 0, r = 0, p = 0] = head;
  if (logN < 1 || r < 1 || p < 1 || p > parallelMax) return false;
  return 128 * r * 2 ** logN <= memoryBytesMax;
}

function derive(passphrase: string, head: Buffer): Promise<Uint8Array> {
  const [logN = 0, r = 0, p = 0] = head;
  const options = { N: 2 ** logN, r, p, maxmem: memoryBytesMax + 2 ** 20 };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, head.subarray(3), keyBytes, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function longEnough(passphrase: string): string {
  if (passphrase.length >= passphraseCharsMin) return passphrase;
  throw new ChanceryError({
    code: 'CH5213',
    message:
      passphrase === '' ? 'the passphrase is empty' : 'the passphrase is too short to protect a CA',
    expected: `at least ${passphraseCharsMin} characters`,
    help: 'five words drawn by dice are good, and can be remembered',
  });
}
