import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import type { Grant } from '../../breakglass/grant.ts';
import type { Inventory } from '../../compile/inventory.ts';
import type { RecordedVersions } from '../../compile/recorded.ts';
import type { Store } from '../../store/store.ts';
import type { FencedStore } from '../replicas/fenced-store.ts';

export const compiledKind = 'compiled';
const currentId = 'current';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** What a control plane made of a commit for every proxy, and of what else it made it. */
export interface CompiledRecord extends RecordedVersions {
  /** Of the program that made it. */
  readonly version: string;
  readonly commit: string;
  readonly inventory: Inventory;
  readonly grants: readonly Grant[];
}

/** Undefined: none was ever written. */
export async function readCompiled(store: Pick<Store, 'get'>): Promise<CompiledRecord | undefined> {
  const stored = await store.get(compiledKind, currentId);
  if (stored === undefined) return undefined;
  return JSON.parse((await decompress(stored.value)).toString('utf8')) as CompiledRecord;
}

/** Durable when it resolves. Errors: CH5450. */
export async function writeCompiled(
  store: Pick<FencedStore, 'put'>,
  record: CompiledRecord,
): Promise<void> {
  const bytes = await compress(Buffer.from(JSON.stringify(record)));
  await store.put(compiledKind, currentId, bytes, undefined);
}
