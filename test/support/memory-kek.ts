import { systemRandom } from '../../src/base/random.ts';
import { heldKek, type KeyEncryption } from '../../src/identity/key-encryption.ts';

/** A key-encryption key that lies nowhere. */
export function memoryKek(key: Uint8Array = systemRandom.bytes(32)): KeyEncryption {
  return heldKek('memory', () => [key], systemRandom);
}
