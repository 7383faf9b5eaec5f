import type { Clock } from '../../base/clock.ts';

import { type Log, problemFields } from '../../base/log.ts';
import type { Store, StoreChange, StoredDocument } from '../../store/store.ts';

/** A notification that was lost is made up for within this. */
const compareEveryMs = 5_000;
const retryMs = 300;
/** Reads beside each other; more would take the connections that answers to proxies and agents need. */
const readsMax = 4;

/** A document that is another than before; without a value: it was removed. */
export interface Followed {
  readonly id: string;
  readonly document: StoredDocument | undefined;
}

/** Gets everything that changed since the last call, together. */
export type Follower = (changes: readonly Followed[]) => void | Promise<void>;

interface FeedOptions {
  readonly store: Pick<Store, 'isShared' | 'get' | 'versions' | 'watch'>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a change took from when it was heard of to when it was taken. */
  readonly onLag: (lagMs: number) => void;
  readonly onLease: () => void;
}

interface Kind {
  readonly follower: Follower;
  readonly versions: Map<string, number>;
}

/**
 * What other replicas write, document by document. A notification is only a hint: what is taken is what is read after it, and
 * versions are compared every few seconds, so that a lost one delays and never loses anything.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #kinds = new Map<string, Kind>();
  /** When each was heard of, by `kind id`. */
  readonly #dirty = new Map<
    string,
    { readonly kind: string; readonly id: string; sinceMs: number }
  >();
  #isGap = false;
  #running = false;
  #isAway = false;
  #stopped = false;
  #unwatch = (): void => {};
  #cancel = (): void => {};

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** `seen`: what the follower has already. After `start` it hears of the rest with the next `compare`. */
  follow(
    kind: string,
    seen: readonly Pick<StoredDocument, 'id' | 'version'>[],
    follower: Follower,
  ): void {
    const versions = new Map(seen.map(({ id, version }) => [id, version]));
    this.#kinds.set(kind, { follower, versions });
  }

  start(): void {
    const { store } = this.#options;
    if (!store.isShared) return;
    this.#unwatch = store.watch((change) => this.#heard(change));
    this.#plan();
  }

  stop(): void {
    this.#stopped = true;
    this.#unwatch();
    this.#cancel();
  }

  /** Looks for what was not heard, now. */
  compare(): void {
    if (this.#options.store.isShared) this.#heard({ kind: 'gap' });
  }

  /** How long the oldest change that was heard of has been waiting to be taken; 0: none does. */
  get behindMs(): number {
    const [oldest] = this.#dirty.values();
    return oldest === undefined ? 0 : this.#options.clock.monotonicMs() - oldest.sinceMs;
  }

  #plan(): void {
    this.#cancel = this.#options.clock.after(compareEveryMs, () => {
      this.compare();
      this.#plan();
    });
  }

  #heard(change: StoreChange): void {
    switch (change.kind) {
      case 'lease':
        this.#options.onLease();
        return;
      case 'gap':
        this.#isGap = true;
        break;
      case 'document':
        if (!this.#kinds.has(change.of)) return;
        this.#mark(change.of, change.id);
    }
    void this.#run();
  }

  #mark(kind: string, id: string): void {
    const key = `${kind} ${id}`;
    if (this.#dirty.has(key)) return;
    this.#dirty.set(key, { kind, id, sinceMs: this.#options.clock.monotonicMs() });
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#stopped && (this.#isGap || this.#dirty.size > 0)) await this.#round();
      this.#away(undefined);
    } catch (error) {
      this.#away(error);
      this.#options.clock.after(retryMs, () => void this.#run());
    } finally {
      this.#running = false;
    }
  }

  async #round(): Promise<void> {
    if (this.#isGap) {
      this.#isGap = false;
      await this.#compare().catch((error: unknown) => {
        this.#isGap = true;
        throw error;
      });
    }
    const byKind = Map.groupBy(this.#dirty.values(), ({ kind }) => kind);
    for (const [kind, dirty] of byKind) {
      await this.#take(
        kind,
        dirty.map(({ id }) => id),
      );
    }
  }

  /** Marks everything that is not as it was taken. */
  async #compare(): Promise<void> {
    const present = await this.#options.store.versions([...this.#kinds.keys()]);
    const there = new Set<string>();
    for (const { kind, id, version } of present) {
      there.add(`${kind} ${id}`);
      if (this.#kinds.get(kind)?.versions.get(id) !== version) this.#mark(kind, id);
    }
    for (const [kind, { versions }] of this.#kinds) {
      for (const id of versions.keys()) if (!there.has(`${kind} ${id}`)) this.#mark(kind, id);
    }
  }

  async #take(kind: string, ids: readonly string[]): Promise<void> {
    const known = this.#kinds.get(kind);
    const heardMs = new Map(ids.map((id) => [id, this.#dirty.get(`${kind} ${id}`)?.sinceMs ?? 0]));
    // What is heard of while it is read is read again.
    for (const id of ids) this.#dirty.delete(`${kind} ${id}`);
    try {
      const changes = await this.#read(kind, ids);
      await known?.follower(changes);
      for (const { id, document } of changes) {
        if (document === undefined) known?.versions.delete(id);
        else known?.versions.set(id, document.version);
        this.#options.onLag(this.#options.clock.monotonicMs() - (heardMs.get(id) ?? 0));
      }
    } catch (error) {
      for (const id of ids) this.#mark(kind, id);
      throw error;
    }
  }

  async #read(kind: string, ids: readonly string[]): Promise<readonly Followed[]> {
    const { store } = this.#options;
    const changes: Followed[] = [];
    for (let at = 0; at < ids.length; at += readsMax) {
      const some = ids.slice(at, at + readsMax).map(async (id): Promise<Followed> => {
        return { id, document: await store.get(kind, id) };
      });
      changes.push(...(await Promise.all(some)));
    }
    return changes;
  }

  #away(error: unknown): void {
    const isAway = error !== undefined;
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    const { log } = this.#options;
    if (isAway) log.warn('what other replicas write is not heard', problemFields(error));
    else log.info('what other replicas write is heard again', {});
  }
}
