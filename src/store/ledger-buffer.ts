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
  /** Old is what is long before `nowMs`. */
  readonly #prune: (nowMs: number) => Promise<void>;
  #pending: Entry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #sincePrune = 0;
  /** Of the times of what was written since the last prune, the earliest. */
  #earliestMs = Number.POSITIVE_INFINITY;
  #dropped = 0;
  #problem: unknown;
  #closed = false;

  constructor(
    write: (entries: readonly Entry[]) => Promise<void>,
    prune: (nowMs: number) => Promise<void>,
  ) {
    this.#write = write;
    this.#prune = prune;
  }

  /** Entries lost since the start, because the store was away for too long. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What the last write failed with; undefined: it did not. */
  get problem(): unknown {
    return this.#problem;
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

  /** As `flush`, of what was recorded up to then: what was written before is told also while the store takes nothing. */
  async flushUntil(untilMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#pending.some(({ atMs }) => atMs <= untilMs)) await this.flush();
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
      await this.#tryWrite(batch);
      // Entries dropped meanwhile were the oldest: part of this batch.
      this.#pending.splice(0, Math.max(0, batch.length - (this.#dropped - droppedBefore)));
      this.#sincePrune += batch.length;
      for (const { atMs } of batch) this.#earliestMs = Math.min(this.#earliestMs, atMs);
      if (this.#sincePrune >= pruneEvery) await this.#pruneOnce();
    }
  }

  async #tryWrite(batch: readonly Entry[]): Promise<void> {
    try {
      await this.#write(batch);
      this.#problem = undefined;
    } catch (error) {
      this.#problem = error;
      throw error;
    }
  }

  /** Ten thousand entries agree on what time it is: a clock that jumps ahead for an hour must not cost the ledger its past. */
  async #pruneOnce(): Promise<void> {
    const nowMs = this.#earliestMs;
    this.#sincePrune = 0;
    this.#earliestMs = Number.POSITIVE_INFINITY;
    // What was written is durable all the same.
    await this.#prune(nowMs).catch((error: unknown) => {
      this.#problem = error;
    });
  }
}
