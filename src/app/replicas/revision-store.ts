import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { isRolloutState, type Rollout } from '../../rollout/rollout.ts';
import type { TouchedProxy } from '../../rollout/waves.ts';
import type { Store } from '../../store/store.ts';
import type { IntentTree } from '../intent-source.ts';
import type { FencedStore } from './fenced-store.ts';

export const revisionKind = 'revision';
const currentId = 'current';
const treeKind = 'intent';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * What the mesh runs on: `running`, and while a rollout is under way also what is to run, with whom it has reached. A replica
 * that follows, and one that comes back, needs nothing else: no Git, no gate and no remote.
 */
export interface StoredRevision {
  readonly running: string;
  readonly next: string | undefined;
  readonly rollout: Rollout | undefined;
  readonly denialsExpected: boolean;
  /** Whom the commit of the rollout concerns. */
  readonly touched: readonly TouchedProxy[];
  /** How far what this version of the control plane compiles otherwise of `running` got; a version of before leaves it out. */
  readonly upgrade?: StoredUpgrade | undefined;
}

export interface StoredUpgrade {
  readonly rollout: Rollout & { readonly compiledBy: string };
  readonly denialsExpected: boolean;
  readonly touched: readonly TouchedProxy[];
  /** All have it, and it did no harm. */
  readonly isSettled: boolean;
}

/** As it was read, with the version of its document. */
export interface ReadRevision extends StoredRevision {
  readonly version: number;
}

interface StoredTree {
  readonly subject: string;
  readonly files: readonly (readonly [string, string])[];
  readonly trailers: readonly (readonly [string, readonly string[]])[];
}

type Readable = Pick<Store, 'get'>;

async function readRevision(store: Readable): Promise<ReadRevision | undefined> {
  const stored = await store.get(revisionKind, currentId);
  if (stored === undefined) return undefined;
  const value = JSON.parse(Buffer.from(stored.value).toString('utf8')) as StoredRevision;
  const { rollout, upgrade, ...rest } = value;
  // In a state that only a later version knows, it reaches nobody here.
  const isKnown = (one: Rollout | undefined): boolean =>
    one !== undefined && isRolloutState(one.state);
  return {
    ...{ ...rest, rollout: isKnown(rollout) ? rollout : undefined, version: stored.version },
    ...(isKnown(upgrade?.rollout) ? { upgrade } : {}),
  };
}

async function readTree(store: Readable, commit: string): Promise<IntentTree | undefined> {
  const stored = await store.get(treeKind, commit);
  if (stored === undefined) return undefined;
  const text = (await decompress(stored.value)).toString('utf8');
  const { subject, files, trailers } = JSON.parse(text) as StoredTree;
  return { commit, subject, files: new Map(files), trailers: new Map(trailers) };
}

/** What a control plane of this store comes back with. Undefined: nothing was ever accepted. */
export async function runningTree(store: Readable): Promise<IntentTree | undefined> {
  const revision = await readRevision(store);
  return revision && readTree(store, revision.running);
}

/** The accepted intent in the store: each tree once, compressed, and one small document that says which of them runs. */
export class RevisionStore {
  readonly #store: Pick<Store, 'get' | 'versions'>;
  readonly #fenced: FencedStore;
  /** Not named by the document yet. */
  #newest: string | undefined;

  constructor(store: Pick<Store, 'get' | 'versions'>, fenced: FencedStore) {
    this.#store = store;
    this.#fenced = fenced;
  }

  /** Undefined: nothing was ever accepted. */
  read(): Promise<ReadRevision | undefined> {
    return readRevision(this.#store);
  }

  tree(commit: string): Promise<IntentTree | undefined> {
    return readTree(this.#store, commit);
  }

  /** Durable when it resolves. Errors: CH5450. */
  async keepTree({ commit, subject, files, trailers }: IntentTree): Promise<void> {
    this.#newest = commit;
    const value: StoredTree = { subject, files: [...files], trailers: [...trailers] };
    const bytes = await compress(Buffer.from(JSON.stringify(value)));
    await this.#fenced.put(treeKind, commit, bytes, undefined);
  }

  /** Durable when it resolves, with its version. Trees that nothing names any more go. Errors: CH5450. */
  async write(revision: StoredRevision): Promise<number> {
    const bytes = Buffer.from(JSON.stringify(revision));
    const version = await this.#fenced.put(revisionKind, currentId, bytes, undefined);
    if (revision.next === undefined) await this.#prune(revision.running);
    return version ?? 0;
  }

  async #prune(running: string): Promise<void> {
    for (const { id } of await this.#store.versions([treeKind])) {
      if (id !== running && id !== this.#newest) await this.#fenced.remove(treeKind, id);
    }
  }
}
