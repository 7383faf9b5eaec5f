import type { Clock } from '../../../src/base/clock.ts';
import type { LedgerEntry, MadeResource, NewLedgerEntry } from '../../../src/base/ledger.ts';
import { resourceId } from '../../../src/base/ledger.ts';
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

/** What several control planes share. */
export class SharedMemory {
  readonly documents = new Map<string, Map<string, Kept>>();
  readonly watchers = new Set<(change: StoreChange) => void>();
  readonly resources = new Map<string, MadeResource>();
  ledger: LedgerEntry[] = [];
  /** Kinds that only a leader may write, and what was written of them without its epoch. */
  leaderKinds: ReadonlySet<string> = new Set();
  readonly unfenced: string[] = [];
  lease: StoredLease | undefined;
  /** The process that comes to its so manieth moment from now ends there; undefined: none does. */
  momentsLeft: number | undefined;
  /** How long the way there takes, and the way back. */
  wayMs = (): number => 0;
  #isAway = false;
  #seq = 0;

  /** It takes and tells nothing now. */
  get isAway(): boolean {
    return this.#isAway;
  }

  set isAway(isAway: boolean) {
    const isBack = this.#isAway && !isAway;
    this.#isAway = isAway;
    if (isBack) this.tell({ kind: 'gap' });
  }

  kind(kind: string): Map<string, Kept> {
    const known = this.documents.get(kind) ?? new Map<string, Kept>();
    this.documents.set(kind, known);
    return known;
  }

  tell(change: StoreChange): void {
    for (const watcher of [...this.watchers]) watcher(change);
  }

  append(entries: readonly NewLedgerEntry[]): void {
    for (const entry of entries) {
      this.#seq += 1;
      // As text, like any other store.
      const written = JSON.parse(JSON.stringify(entry)) as NewLedgerEntry;
      this.ledger.push({ ...written, seq: this.#seq });
    }
  }
}

interface StoreParts {
  readonly isShared: boolean;
  /** Called when the process ends by itself, in the middle of something. */
  readonly onCrash?: () => void;
  /** Without one a call is answered at once, and the ledger is written when it is flushed. */
  readonly clock?: Clock;
}

const groupCommitMs = 50;
const retryMs = 500;

/**
 * The store as one process has it. A call takes effect at one moment and is answered at another: between them the process may
 * end, the store may go, and others may write. What a process that ended had begun is never answered.
 */
export class MemoryStore implements Store {
  readonly isShared: boolean;
  readonly ledgerDropped = 0;
  ledgerProblem: unknown;
  readonly #memory: SharedMemory;
  readonly #parts: StoreParts;
  readonly #unwatches: (() => void)[] = [];
  #entries: NewLedgerEntry[] = [];
  #resources: MadeResource[] = [];
  #isPlanned = false;
  #isDead = false;

  constructor(memory: SharedMemory, parts: StoreParts) {
    this.#memory = memory;
    this.#parts = parts;
    this.isShared = parts.isShared;
  }

  kill(): void {
    this.#isDead = true;
    for (const unwatch of this.#unwatches) unwatch();
  }

  async #call<Value>(effect: () => Value): Promise<Value> {
    await this.#moment();
    const value = effect();
    await this.#moment();
    return value;
  }

  /** Rejects where the store is away: what was written a moment before is, all the same. */
  async #moment(): Promise<void> {
    const memory = this.#memory;
    const wayMs = memory.wayMs();
    const { clock, onCrash } = this.#parts;
    if (clock !== undefined && wayMs > 0) {
      await new Promise<void>((resolve) => clock.after(wayMs, resolve));
    } else await undefined;
    if (memory.momentsLeft !== undefined && !this.#isDead) {
      memory.momentsLeft -= 1;
      if (memory.momentsLeft < 0) {
        memory.momentsLeft = undefined;
        this.kill();
        onCrash?.();
      }
    }
    if (this.#isDead) await new Promise(() => {});
    if (memory.isAway) throw new Error('the store is away');
  }

  get(kind: string, id: string): Promise<StoredDocument | undefined> {
    return this.#call(() => {
      const kept = this.#memory.kind(kind).get(id);
      return kept && { id, version: kept.version, value: kept.value.slice() };
    });
  }

  list(kind: string): Promise<readonly StoredDocument[]> {
    return this.#call(() =>
      [...this.#memory.kind(kind)]
        .map(([id, { version, value }]) => ({ id, version, value: value.slice() }))
        .sort((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id))),
    );
  }

  put(
    kind: string,
    id: string,
    value: Uint8Array,
    ifVersion: number | undefined,
    epoch?: number,
  ): Promise<number | undefined> {
    const kept = value.slice();
    this.#noteFence(kind, id, epoch);
    return this.#call(() => {
      if (!this.#leads(epoch)) return undefined;
      const present = this.#memory.kind(kind).get(id)?.version ?? 0;
      if (ifVersion !== undefined && ifVersion !== present) return undefined;
      this.#memory.kind(kind).set(id, { version: present + 1, value: kept });
      this.#memory.tell({ kind: 'document', of: kind, id });
      return present + 1;
    });
  }

  remove(kind: string, id: string, epoch?: number): Promise<boolean> {
    this.#noteFence(kind, id, epoch);
    return this.#call(() => {
      if (!this.#leads(epoch) || !this.#memory.kind(kind).delete(id)) return false;
      this.#memory.tell({ kind: 'document', of: kind, id });
      return true;
    });
  }

  #noteFence(kind: string, id: string, epoch: number | undefined): void {
    const { leaderKinds, unfenced } = this.#memory;
    if (epoch === undefined && leaderKinds.has(kind)) unfenced.push(`${kind} ${id}`);
  }

  #leads(epoch: number | undefined): boolean {
    return epoch === undefined || epoch === this.#memory.lease?.epoch;
  }

  versions(kinds: readonly string[]): Promise<readonly DocumentVersion[]> {
    return this.#call(() =>
      kinds.flatMap((kind) =>
        [...this.#memory.kind(kind)].map(([id, { version }]) => ({ kind, id, version })),
      ),
    );
  }

  lease(): Promise<StoredLease | undefined> {
    return this.#call(() => this.#memory.lease);
  }

  putLease(
    lease: Pick<StoredLease, 'epoch' | 'holder'>,
    ifVersion: number,
  ): Promise<number | undefined> {
    return this.#call(() => {
      const present = this.#memory.lease?.version ?? 0;
      if (ifVersion !== present) return undefined;
      this.#memory.lease = { ...lease, version: present + 1 };
      this.#memory.tell({ kind: 'lease' });
      return present + 1;
    });
  }

  watch(onChange: (change: StoreChange) => void): () => void {
    if (!this.isShared) return () => {};
    const memory = this.#memory;
    let isOver = false;
    // Whoever writes goes on before anybody hears of it; while the store is away nobody does.
    const later = (change: StoreChange): void =>
      queueMicrotask(() => {
        if (!isOver && !memory.isAway) onChange(change);
      });
    memory.watchers.add(later);
    // What is written before a watcher listens is in the gap that it begins with.
    later({ kind: 'gap' });
    const unwatch = (): void => {
      isOver = true;
      memory.watchers.delete(later);
    };
    this.#unwatches.push(unwatch);
    return unwatch;
  }

  record(entry: NewLedgerEntry): void {
    this.#entries.push(entry);
    this.#plan(groupCommitMs);
  }

  keepResource(resource: MadeResource): void {
    this.#resources.push(resource);
    this.#plan(groupCommitMs);
  }

  #plan(delayMs: number): void {
    const { clock } = this.#parts;
    if (clock === undefined || this.#isPlanned) return;
    this.#isPlanned = true;
    clock.after(delayMs, () => {
      this.#isPlanned = false;
      this.flush().catch(() => this.#plan(retryMs));
    });
  }

  async flush(): Promise<void> {
    if (this.#entries.length + this.#resources.length === 0) return;
    try {
      await this.#call(() => this.#append());
      this.ledgerProblem = undefined;
    } catch (error) {
      this.ledgerProblem = error;
      throw error;
    }
  }

  #append(): void {
    const [entries, resources] = [this.#entries, this.#resources];
    this.#entries = [];
    this.#resources = [];
    this.#memory.append(entries);
    for (const one of resources) {
      const id = resourceId(one);
      if (!this.#memory.resources.has(id)) {
        this.#memory.resources.set(id, { ...one, bytes: one.bytes.slice() });
      }
    }
  }

  async ledger(query: LedgerQuery): Promise<readonly LedgerEntry[]> {
    await this.flush();
    return this.#call(() => select(this.#memory.ledger, query));
  }

  async resource(id: string): Promise<MadeResource | undefined> {
    await this.flush();
    return this.#call(() => this.#memory.resources.get(id));
  }

  touchResources(): Promise<void> {
    return this.#call(() => {});
  }

  async close(): Promise<void> {
    await this.flush();
    this.kill();
  }
}

/** As `ledgerStatement` of the stores that are databases. */
function select(all: readonly LedgerEntry[], query: LedgerQuery): readonly LedgerEntry[] {
  const { kind, subject, sinceMs = -Infinity, untilMs = Infinity, before, limit } = query;
  const kinds = kind === undefined ? undefined : [kind].flat();
  const isBefore = ({ atMs, seq }: LedgerEntry): boolean =>
    before === undefined || atMs < before.atMs || (atMs === before.atMs && seq < before.seq);
  return all
    .filter((one) => kinds === undefined || kinds.includes(one.kind))
    .filter((one) => subject === undefined || one.subject === subject)
    .filter((one) => one.atMs >= sinceMs && one.atMs <= untilMs && isBefore(one))
    .toSorted((a, b) => b.atMs - a.atMs || b.seq - a.seq)
    .slice(0, limit);
}
