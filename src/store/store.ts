/** What happened, for later questions. Kinds are fixed words; facts are plain values, never secrets. */
export interface LedgerEntry {
  readonly seq: number;
  readonly atMs: number;
  readonly kind: string;
  readonly subject: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

/** A value under a kind and an id, replaced as a whole. Its version counts its writes, from 1. */
export interface StoredDocument {
  readonly id: string;
  readonly version: number;
  readonly value: Uint8Array;
}

/** The control plane's durable state. Every backend keeps the same promises; one contract suite holds them to it. */
export interface Store {
  get(kind: string, id: string): Promise<StoredDocument | undefined>;
  /** In the order of their ids. */
  list(kind: string): Promise<readonly StoredDocument[]>;
  /**
   * Writes if the present version is `ifVersion` (0: there is none; undefined: whatever it is). Durable when it resolves,
   * with the new version; with undefined when another was first.
   */
  put(
    kind: string,
    id: string,
    value: Uint8Array,
    ifVersion: number | undefined,
  ): Promise<number | undefined>;
  /** False when there was none. */
  remove(kind: string, id: string): Promise<boolean>;
  /** Appends to the ledger; written together with what comes within some milliseconds. */
  record(entry: Omit<LedgerEntry, 'seq'>): void;
  /** Entries that were lost since the start, because the store was away for too long. */
  readonly ledgerDropped: number;
  /** Newest first. */
  ledger(query: {
    readonly kind?: string;
    readonly limit: number;
  }): Promise<readonly LedgerEntry[]>;
  /** Resolves when everything recorded so far is on disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
