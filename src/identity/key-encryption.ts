import type { Random } from '../base/random.ts';
import { err, type Result } from '../base/result.ts';
import { type OpenError, open, seal } from './seal.ts';

export const dataKeyBytes = 32;

/**
 * The key that all other keys of the store are sealed with (KEK). It may lie outside of this process, in a token or a
 * service, and so it only ever sees data keys. What does not open is a value; what cannot be asked throws its coded error.
 */
export interface KeyEncryption {
  /** Names the key for people; holds no secret. */
  readonly id: string;
  wrap(dataKey: Uint8Array): Promise<Uint8Array>;
  unwrap(wrapped: Uint8Array): Promise<Result<Uint8Array, OpenError>>;
  /** Opens what the first format sealed, with the KEK itself and no data key. Only a key file could make that. */
  openFirstFormat?(sealed: Uint8Array, context: string): Promise<Result<Uint8Array, OpenError>>;
}

const wrapContext = 'data key';

/** A KEK in this process. The first of its keys wraps; those after it were replaced and still open what they sealed. */
export function heldKek(
  id: string,
  keys: () => readonly [Uint8Array, ...Uint8Array[]],
  random: Random,
): KeyEncryption {
  return {
    id,
    wrap: async (dataKey) => seal(keys()[0], dataKey, wrapContext, random),
    unwrap: async (wrapped) => openWithAny(keys(), wrapped, wrapContext),
    openFirstFormat: async (sealed, context) => openWithAny(keys(), sealed, context),
  };
}

function openWithAny(
  keys: readonly Uint8Array[],
  sealed: Uint8Array,
  context: string,
): Result<Uint8Array, OpenError> {
  let last: Result<Uint8Array, OpenError> = err('sealed with another key');
  for (const key of keys) {
    last = open(key, sealed, context);
    if (last.ok || last.error !== 'sealed with another key') return last;
  }
  return last;
}
