import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';
import { openEnvelope, sealEnvelope, sealedUnder } from '../identity/envelope.ts';
import type { KeyEncryption } from '../identity/key-encryption.ts';
import type { OpenError } from '../identity/seal.ts';
import type { Store, StoredDocument } from './store.ts';

interface RekeyParts {
  readonly store: Pick<Store, 'list' | 'get' | 'put'>;
  readonly from: KeyEncryption;
  readonly to: KeyEncryption;
  readonly random: Random;
}

interface DoesNotOpen {
  readonly document: StoredDocument;
  readonly problem: OpenError;
}

/** A control plane writes now and then; one that writes more often than this is broken. */
const attemptsMax = 10;

/**
 * Seals everything that lies sealed in the store anew, under a fresh data key and another KEK. Each document is replaced
 * by one durable write, and only the version that was read: a process that dies leaves each under one of the two, and the
 * next run does the rest. Gives the number of documents. Errors: what opens with neither.
 */
export async function rekey(parts: RekeyParts): Promise<Result<number, DoesNotOpen>> {
  const documents = await parts.store.list('sealed');
  for (const { id } of documents) {
    const done = await rekeyOne(parts, id);
    if (!done.ok) return done;
  }
  return ok(documents.length);
}

async function rekeyOne(parts: RekeyParts, id: string): Promise<Result<void, DoesNotOpen>> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const document = await parts.store.get('sealed', id);
    if (document === undefined) return ok(undefined);
    const plain = await opened(parts, document);
    if (!plain.ok) return err({ document, problem: plain.error });
    const sealed = await sealEnvelope(parts.to, plain.value, id, parts.random);
    const version = await parts.store.put('sealed', id, sealed, document.version);
    if (version !== undefined) return ok(undefined);
  }
  throw new Error(`"${id}" was written by another process ${attemptsMax} times in between`);
}

/** An earlier run may have come to it. */
async function opened(
  { from, to }: RekeyParts,
  { id, value }: StoredDocument,
): Promise<Result<Uint8Array, OpenError>> {
  const isUnderTo = sealedUnder(value) === to.id;
  if (isUnderTo && to.id !== from.id) return openEnvelope(to, value, id);
  const plain = await openEnvelope(from, value, id);
  if (plain.ok || !isUnderTo) return plain;
  const again = await openEnvelope(to, value, id);
  return again.ok ? again : plain;
}
