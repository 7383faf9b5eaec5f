import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';

/** Version byte, 8 bytes of key id, 12 bytes of nonce, 16 bytes of tag, ciphertext. AES-256-GCM. */
const formatVersion = 1;
const keyIdBytes = 8;
const nonceBytes = 12;
const tagBytes = 16;
const headerBytes = 1 + keyIdBytes + nonceBytes + tagBytes;

/** `context` is bound to the ciphertext: what is sealed for one place does not open in another. */
export function seal(
  kek: Uint8Array,
  plaintext: Uint8Array,
  context: string,
  random: Random,
): Uint8Array {
  const nonce = random.bytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', kek, nonce);
  const head = Buffer.concat([Uint8Array.of(formatVersion), keyIdOf(kek)]);
  cipher.setAAD(Buffer.concat([head, Buffer.from(context, 'utf8')]));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([head, nonce, cipher.getAuthTag(), body]);
}

export type OpenError =
  | 'not a sealed value'
  | 'sealed with another key'
  | 'tampered with, or sealed for another place';

export function open(
  kek: Uint8Array,
  sealed: Uint8Array,
  context: string,
): Result<Uint8Array, OpenError> {
  if (sealed.length < headerBytes || sealed[0] !== formatVersion) return err('not a sealed value');
  const head = sealed.subarray(0, 1 + keyIdBytes);
  if (Buffer.compare(head.subarray(1), keyIdOf(kek)) !== 0) return err('sealed with another key');
  const nonce = sealed.subarray(1 + keyIdBytes, 1 + keyIdBytes + nonceBytes);
  const tag = sealed.subarray(1 + keyIdBytes + nonceBytes, headerBytes);
  const decipher = createDecipheriv('aes-256-gcm', kek, nonce);
  decipher.setAAD(Buffer.concat([head, Buffer.from(context, 'utf8')]));
  decipher.setAuthTag(tag);
  try {
    return ok(Buffer.concat([decipher.update(sealed.subarray(headerBytes)), decipher.final()]));
  } catch {
    return err('tampered with, or sealed for another place');
  }
}

/** Names a key without giving it away. */
function keyIdOf(kek: Uint8Array): Uint8Array {
  return createHash('sha256')
    .update('chancery kek id\0')
    .update(kek)
    .digest()
    .subarray(0, keyIdBytes);
}
