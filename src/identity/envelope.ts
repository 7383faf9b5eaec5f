import { timingSafeEqual } from 'node:crypto';
import { ChanceryError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { err, type Result } from '../base/result.ts';
import { dataKeyBytes, type KeyEncryption } from './key-encryption.ts';
import { isSealedWithKey, type OpenError, openBelow, sealBelow } from './seal.ts';

/**
 * A sealed value with its own key inside, wrapped by a KEK. Version byte, the KEK's id (length in one byte), the wrapped
 * data key (length in two), then nonce, tag and ciphertext. All of the head is bound to the ciphertext.
 */
const formatVersion = 2;
const idBytesMax = 0xff;
/** KMS services give some hundred bytes; a post-quantum wrap two thousand. */
const wrappedBytesMax = 0x4000;

/** A key and its wrapped form. Many values may be sealed with one; the KEK is asked only once for it. */
interface DataKey {
  readonly key: Uint8Array;
  readonly head: Uint8Array;
}

/** Draws a data key and has it wrapped, and unwrapped: what cannot be opened again must never be written. */
export async function newDataKey(kek: KeyEncryption, random: Random): Promise<DataKey> {
  const key = random.bytes(dataKeyBytes);
  const wrapped = await kek.wrap(key);
  const again = await kek.unwrap(wrapped);
  if (!again.ok) throw useless(kek, `it does not open what it wrapped: ${again.error}`);
  if (again.value.length !== key.length || !timingSafeEqual(again.value, key)) {
    throw useless(kek, 'it opens what it wrapped as something else');
  }
  if (Buffer.from(wrapped).includes(key)) throw useless(kek, 'it leaves the key in the clear');
  if (wrapped.length > wrappedBytesMax) {
    throw useless(kek, `it wraps 32 bytes as ${wrapped.length}, at most ${wrappedBytesMax}`);
  }
  return { key, head: headOf(kek.id, wrapped) };
}

function useless(kek: KeyEncryption, problem: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5218',
    message: `the key-encryption key "${kek.id}" cannot be used: ${problem}`,
    help: 'nothing was sealed with it; give another one',
  });
}

export function sealWith(
  { key, head }: DataKey,
  plaintext: Uint8Array,
  context: string,
  random: Random,
): Uint8Array {
  return sealBelow(key, { head, plaintext, context }, random);
}

/** Seals one value under a data key of its own. */
export async function sealEnvelope(
  kek: KeyEncryption,
  plaintext: Uint8Array,
  context: string,
  random: Random,
): Promise<Uint8Array> {
  return sealWith(await newDataKey(kek, random), plaintext, context, random);
}

export async function openEnvelope(
  kek: KeyEncryption,
  sealed: Uint8Array,
  context: string,
): Promise<Result<Uint8Array, OpenError>> {
  if (isSealedWithKey(sealed)) {
    return (await kek.openFirstFormat?.(sealed, context)) ?? err('sealed with another key');
  }
  const parts = partsOf(sealed);
  if (parts === undefined) return err('not a sealed value');
  const key = await kek.unwrap(parts.wrapped);
  if (!key.ok) return key;
  if (key.value.length !== dataKeyBytes) return err('tampered with, or sealed for another place');
  return openBelow(key.value, parts.head, parts.rest, context);
}

/** The id of the KEK that it was sealed under, for people: nothing vouches for it before it is opened. */
export function sealedUnder(sealed: Uint8Array): string | undefined {
  return isSealedWithKey(sealed) ? 'a key file' : partsOf(sealed)?.kekId;
}

interface Parts {
  readonly kekId: string;
  readonly wrapped: Uint8Array;
  readonly head: Uint8Array;
  readonly rest: Uint8Array;
}

function headOf(kekId: string, wrapped: Uint8Array): Uint8Array {
  // Only for people: the end of a long one may go.
  const id = Buffer.from(kekId, 'utf8').subarray(0, idBytesMax);
  const lengths = Buffer.alloc(2);
  lengths.writeUInt16BE(wrapped.length);
  return Buffer.concat([Uint8Array.of(formatVersion, id.length), id, lengths, wrapped]);
}

function partsOf(bytes: Uint8Array): Parts | undefined {
  const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (sealed.length < 2 || sealed[0] !== formatVersion) return undefined;
  const idEnd = 2 + sealed.readUInt8(1);
  if (sealed.length < idEnd + 2) return undefined;
  const headEnd = idEnd + 2 + sealed.readUInt16BE(idEnd);
  if (sealed.length < headEnd) return undefined;
  return {
    kekId: sealed.toString('utf8', 2, idEnd),
    wrapped: sealed.subarray(idEnd + 2, headEnd),
    head: sealed.subarray(0, headEnd),
    rest: sealed.subarray(headEnd),
  };
}
