import { type MadeResource, resourceId } from '../../../src/base/ledger.ts';
import type {
  DocumentVersion,
  LedgerQuery,
  Store,
  StoreChange,
  StoredDocument,
  StoredLease,
} from '../../../src/store/store.ts';

interface Kept {
  readonly version: number;
  readonly value: Uint8Array;
}

/** What several control planes share; `isAway`: it takes and tells nothing now. */
export class SharedMemory {
  readonly documents = new Map<string, Map<string, Kept>>();
  readonly watchers = new Set<(change: StoreChange) => void>();
  readonly resources = new Map<string, MadeResource>();
  lease: StoredLease | undefined;
  isAway = false;
  /** Its process ends instead of the write after so many; undefined: it does not. */
  writesLeft: number | undefined;

  kind(kind: string): Map<string, Kept> {
    const known = this.documents.get(kind) ?? new Map<string, Kept>();
    this.documents.set(kind, known);
    return known;
  }

  tell(change: StoreChange): void {
    for (const watcher of [...this.watchers]) watcher(change);
  }
}

/** The store as one process has it. What a process that was killed had begun comes to nothing. */
export class MemoryStore implements Store {
  readonly isShared: boolean;
  readonly ledgerDropped = 0;
  readonly ledgerProblem = undefined;
  readonly #memory: SharedMemory;
  readonly #onCrash: () => void;
  readonly #unwatches: (() => void)[] = [];
  #isDead = false;

  constructor(memory: SharedMemory, isShared: boolean, onCrash: () => void) {
    this.#memory = memory;
    this.#onCrash = onCrash;
    this.isShared = isShared;
  }

  kill(): void {
    this.#isDead = true;
    for (const unwatch of this.#unwatches) unwatch();
  }

  #write(): void {
    this.#reach();
    const memory = this.#memory;
    if (memory.writesLeft === undefined) return;
    memory.writesLeft -= 1;
    if (memory.writesLeft >= 0) return;
    memory.writesLeft = undefined;
    this.#isDead = true;
    this.#onCrash();
    throw new Error('the process has ended');
  }

  #reach(): void {
    if (this.#isDead || this.#memory.isAway) throw new Error('the store is away');
  }

  async get(kind: string, id: string): Promise<StoredDocument | undefined> {
    this.#reach();
    const kept = this.#memory.kind(kind).get(id);
    return kept && { id, ...kept };
  }

  async list(kind: string): Promise<readonly StoredDocument[]> {
    this.#reach();
    return [...this.#memory.kind(kind)]
      .map(([id, kept]) => ({ id, ...kept }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async put(
    kind: string,
    id: string,
    value: Uint8Array,
    ifVersion: number | undefined,
    epoch?: number,
  ): Promise<number | undefined> {
    this.#write();
    if (!this.#leads(epoch)) return undefined;
    const present = this.#memory.kind(kind).get(id)?.version ?? 0;
    if (ifVersion !== undefined && ifVersion !== present) return undefined;
    this.#memory.kind(kind).set(id, { version: present + 1, value });
    this.#memory.tell({ kind: 'document', of: kind, id });
    return present + 1;
  }

  async remove(kind: string, id: string, epoch?: number): Promise<boolean> {
    this.#write();
    if (!this.#leads(epoch) || !this.#memory.kind(kind).delete(id)) return false;
    this.#memory.tell({ kind: 'document', of: kind, id });
    return true;
  }

  /** Who leads a store of its own has no lease. */
  #leads(epoch: number | undefined): boolean {
    return !this.isShared || epoch === undefined || epoch === this.#memory.lease?.epoch;
  }

  async versions(kinds: readonly string[]): Promise<readonly DocumentVersion[]> {
    this.#reach();
    return kinds.flatMap((kind) =>
      [...this.#memory.kind(kind)].map(([id, { version }]) => ({ kind, id, version })),
    );
  }

  async lease(): Promise<StoredLease | undefined> {
    this.#reach();
    return this.#memory.lease;
  }

  async putLease(
    lease: Pick<StoredLease, 'epoch' | 'holder'>,
    ifVersion: number,
  ): Promise<number | undefined> {
    this.#reach();
    const present = this.#memory.lease?.version ?? 0;
    if (ifVersion !== present) return undefined;
    this.#memory.lease = { ...lease, version: present + 1 };
    this.#memory.tell({ kind: 'lease' });
    return present + 1;
  }

  watch(onChange: (change: StoreChange) => void): () => void {
    this.#memory.watchers.add(onChange);
    const unwatch = (): void => void this.#memory.watchers.delete(onChange);
    this.#unwatches.push(unwatch);
    return unwatch;
  }

  record(): void {}

  async ledger(_query: LedgerQuery): Promise<readonly []> {
    return [];
  }

  keepResource(resource: MadeResource): void {
    if (!this.#isDead) this.#memory.resources.set(resourceId(resource), resource);
  }

  async resource(id: string): Promise<MadeResource | undefined> {
    this.#reach();
    return this.#memory.resources.get(id);
  }

  async touchResources(): Promise<void> {}

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}
