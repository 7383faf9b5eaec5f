import { systemRandom } from '../../src/base/random.js';
import { heldKek } from '../../src/identity/key-encryption.js';
/** A key-encryption key that lies nowhere. */
export function memoryKek(key = systemRandom.bytes(32)) {
  return heldKek('memory', () => [key], systemRandom);
}
