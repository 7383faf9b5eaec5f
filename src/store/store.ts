import type { LedgerEntry, MadeResource, NewLedgerEntry } from '../base/ledger.ts';

/** Which entries, newest first. Times are inclusive. */
export interface LedgerQuery {
  /** One kind or several; left out: all. */
  readonly kind?: string | readonly string[] | undefined;
  readonly subject?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** The next page: the last entry of the one before. */
  readonly before?: Pick<LedgerEntry, 'atMs' | 'seq'> | undefined;
  readonly limit: number;
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
  record(entry: NewLedgerEntry): void;
  /** Entries that were lost since the start, because the store was away for too long. */
  readonly ledgerDropped: number;
  /** By time, then by the order of `record`; newest first. */
  ledger(query: LedgerQuery): Promise<readonly LedgerEntry[]>;
  /** Keeps what a version stands for, beside the ledger; what is there already stays as it was first. */
  keepResource(resource: MadeResource): void;
  resource(id: string): Promise<MadeResource | undefined>;
  /** These are still held by a proxy: they are not to be forgotten. */
  touchResources(ids: readonly string[], nowMs: number): Promise<void>;
  /** Resolves when everything recorded so far is on disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
