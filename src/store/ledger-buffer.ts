/**
 * A burst waits this long to be written as one transaction; `flush` does not wait. A thousand proxies acknowledge a
 * commit within 200 ms, and each transaction of SQLite waits for the disk with all else in the process.
 */
const groupCommitMs = 50;
/** Entries that one transaction takes. */
const batchMax = 10_000;
/** What a store that is away may leave in memory; past it the oldest go, and are counted. */
const pendingMax = 100_000;
/** After a failed write; meanwhile `flush` says why. */
const retryMs = 500;
/** Some months of a small mesh, three weeks of a thousand proxies with 50 commits a day; older entries go first. */
export const ledgerEntriesMax = 1_000_000;
/** "Who did this" is asked for a quarter; what is older belongs into an archive. */
export const ledgerAgeMaxMs = 92 * 86_400_000;
/** Contents that the ledger can still show, about 2 KB each; those that no proxy has had for longest go first. */
export const resourcesMax = 200_000;
const pruneEvery = 10_000;

/** Groups entries into transactions. The order of `record` is the order on disk. */
export class LedgerBuffer<Entry extends { readonly atMs: number }> {
  readonly #write: (entries: readonly Entry[]) => Promise<void>;
  readonly #prune: (newestMs: number) => Promise<void>;
  #pending: Entry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #sincePrune = 0;
  #dropped = 0;
  #closed = false;

  constructor(
    write: (entries: readonly Entry[]) => Promise<void>,
    prune: (newestMs: number) => Promise<void>,
  ) {
    this.#write = write;
    this.#prune = prune;
  }

  /** Entries lost since the start, because the store was away for too long. */
  get dropped(): number {
    return this.#dropped;
  }

  record(entry: Entry): void {
    this.#pending.push(entry);
    if (this.#pending.length > pendingMax) {
      this.#pending.shift();
      this.#dropped += 1;
    }
    this.#schedule(groupCommitMs);
  }

  /** Resolves when all that was recorded before is durable. Rejects when the store does not take it. */
  async flush(): Promise<void> {
    // What is being written now may have begun before the last entry came.
    if (this.#writing !== undefined) await this.#writing;
    // All that the process reads in this turn of its loop shares one transaction.
    await new Promise((turn) => setImmediate(turn));
    if (this.#writing !== undefined) await this.#writing;
    if (this.#pending.length > 0) await this.#start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.flush();
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#start().catch(() => this.#schedule(retryMs));
    }, delayMs);
    // What a store that is away cannot take does not keep a process alive; what waits for its group does.
    if (delayMs === retryMs) this.#timer.unref();
  }

  #start(): Promise<void> {
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending.slice(0, batchMax);
      const droppedBefore = this.#dropped;
      await this.#write(batch);
      // Entries dropped meanwhile were the oldest: part of this batch.
      this.#pending.splice(0, Math.max(0, batch.length - (this.#dropped - droppedBefore)));
      this.#sincePrune += batch.length;
      if (this.#sincePrune >= pruneEvery) {
        this.#sincePrune = 0;
        await this.#prune(batch.at(-1)?.atMs ?? 0);
      }
    }
  }
}
