/** A map that may still be written; who is handed it afterwards sees a ReadonlyMap. */
export interface MapFork<K, V> extends ReadonlyMap<K, V> {
  set(key: K, value: V): unknown;
  delete(key: K): unknown;
}

/** Past this many differences from its base a map is copied whole: some fifty changes of one service with twenty callers. */
const differencesMax = 1_024;

/** A copy to write to, at the cost of what differs rather than of all entries. The map given must not change any more. */
export function forkMap<K, V>(known: ReadonlyMap<K, V> | undefined): MapFork<K, V> {
  if (known === undefined) return new Map();
  if (!(known instanceof Fork)) return new Fork(known, new Map(), new Set());
  return known.fork();
}

class Fork<K, V> implements MapFork<K, V> {
  readonly #base: ReadonlyMap<K, V>;
  /** Of keys that the base has or has not. */
  readonly #over: Map<K, V>;
  /** Only keys that the base has. */
  readonly #gone: Set<K>;
  #size: number;

  constructor(base: ReadonlyMap<K, V>, over: Map<K, V>, gone: Set<K>, size = base.size) {
    this.#base = base;
    this.#over = over;
    this.#gone = gone;
    this.#size = size;
  }

  fork(): Fork<K, V> {
    if (this.#over.size + this.#gone.size > differencesMax)
      return new Fork(new Map(this), new Map(), new Set());
    return new Fork(this.#base, new Map(this.#over), new Set(this.#gone), this.#size);
  }

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    if (this.#over.has(key)) return this.#over.get(key);
    return this.#gone.has(key) ? undefined : this.#base.get(key);
  }

  has(key: K): boolean {
    return this.#over.has(key) || (this.#base.has(key) && !this.#gone.has(key));
  }

  set(key: K, value: V): void {
    if (!this.has(key)) this.#size += 1;
    this.#gone.delete(key);
    this.#over.set(key, value);
  }

  delete(key: K): void {
    if (!this.has(key)) return;
    this.#size -= 1;
    this.#over.delete(key);
    if (this.#base.has(key)) this.#gone.add(key);
  }

  *entries(): Generator<[K, V], undefined> {
    for (const entry of this.#base) {
      const [key] = entry;
      if (this.#gone.has(key)) continue;
      const over = this.#over.get(key);
      if (over !== undefined || this.#over.has(key)) yield [key, over as V];
      else yield entry;
    }
    for (const entry of this.#over) if (!this.#base.has(entry[0])) yield entry;
    return undefined;
  }

  *keys(): Generator<K, undefined> {
    for (const [key] of this.entries()) yield key;
    return undefined;
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value;
    return undefined;
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.entries();
  }

  forEach(take: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) take(value, key, this);
  }
}
