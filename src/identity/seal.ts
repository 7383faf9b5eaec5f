import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';

/**
 * A value sealed with a key that this process holds. Version byte, 8 bytes of key id, 12 bytes of nonce, 16 bytes of
 * tag, ciphertext; AES-256-GCM.
 */
const formatVersion = 1;
const keyIdBytes = 8;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + keyIdBytes;

/** `context` is bound to the ciphertext: what is sealed for one place does not open in another. */
export function seal(
  key: Uint8Array,
  plaintext: Uint8Array,
  context: string,
  random: Random,
): Uint8Array {
  const head = Buffer.concat([Uint8Array.of(formatVersion), keyIdOf(key)]);
  return sealBelow(key, { head, plaintext, context }, random);
}

export type OpenError =
  | 'not a sealed value'
  | 'sealed with another key'
  | 'the passphrase is another one'
  | 'tampered with, or sealed for another place';

export function open(
  key: Uint8Array,
  sealed: Uint8Array,
  context: string,
): Result<Uint8Array, OpenError> {
  if (!isSealedWithKey(sealed)) return err('not a sealed value');
  const head = sealed.subarray(0, headBytes);
  if (Buffer.compare(head.subarray(1), keyIdOf(key)) !== 0) return err('sealed with another key');
  return openBelow(key, head, sealed.subarray(headBytes), context);
}

export function isSealedWithKey(sealed: Uint8Array): boolean {
  return sealed.length >= headBytes + nonceBytes + tagBytes && sealed[0] === formatVersion;
}

/** A head in the clear, and below it nonce, tag and ciphertext; the head is bound to them, as `context` is. */
export function sealBelow(
  key: Uint8Array,
  {
    head,
    plaintext,
    context,
  }: { readonly head: Uint8Array; readonly plaintext: Uint8Array; readonly context: string },
  random: Random,
): Uint8Array {
  const nonce = random.bytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.concat([head, Buffer.from(context, 'utf8')]));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([head, nonce, cipher.getAuthTag(), body]);
}

export function openBelow(
  key: Uint8Array,
  head: Uint8Array,
  rest: Uint8Array,
  context: string,
): Result<Uint8Array, OpenError> {
  if (rest.length < nonceBytes + tagBytes) return err('not a sealed value');
  const decipher = createDecipheriv('aes-256-gcm', key, rest.subarray(0, nonceBytes));
  decipher.setAAD(Buffer.concat([head, Buffer.from(context, 'utf8')]));
  decipher.setAuthTag(rest.subarray(nonceBytes, nonceBytes + tagBytes));
  const body = rest.subarray(nonceBytes + tagBytes);
  try {
    return ok(Buffer.concat([decipher.update(body), decipher.final()]));
  } catch {
    return err('tampered with, or sealed for another place');
  }
}

/** Names a key without giving it away. */
function keyIdOf(key: Uint8Array): Uint8Array {
  return createHash('sha256')
    .update('chancery kek id\0')
    .update(key)
    .digest()
    .subarray(0, keyIdBytes);
}
