import { createHash } from 'node:crypto';

/** 128 bits of SHA-256 in hex: equal content has an equal version on every replica and after a restart (rule F5). */
export function contentHash(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(part);
    hash.update('\0');
  }
  return hash.digest('hex').slice(0, 32);
}
