import { randomBytes } from 'node:crypto';

/** Randomness as an argument, so that tests can replay a seed. */
export interface Random {
  bytes(length: number): Uint8Array;
  /** A number in [0, 1), for jitter. */
  fraction(): number;
}

/** Serial numbers and nonces are drawn by the thousand: one call of the system gives many, and each byte is given once. */
const poolBytes = 4_096;
let pool = new Uint8Array(0);
let used = 0;

function drawn(length: number): Uint8Array {
  if (length > poolBytes / 4) return new Uint8Array(randomBytes(length));
  if (used + length > pool.length) {
    pool = new Uint8Array(randomBytes(poolBytes));
    used = 0;
  }
  const bytes = pool.slice(used, used + length);
  // What was given away is not kept here as well.
  pool.fill(0, used, used + length);
  used += length;
  return bytes;
}

export const systemRandom: Random = {
  bytes: drawn,
  fraction: () => randomBytes(4).readUInt32BE() / 2 ** 32,
};
