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

export type DocumentVersion = Omit<StoredDocument, 'value'> & { readonly kind: string };

/** Who leads the replicas that share a store. */
export interface StoredLease {
  /** Grows with each new leader, and never shrinks: what an older one still writes is refused. */
  readonly epoch: number;
  /** Counts the writes of the lease, so that a watcher sees that its holder lives. */
  readonly version: number;
  /** Of whoever wrote it; the store does not read it. */
  readonly holder: string;
}

/** That a document, or the lease, is another than before. It says nothing of what it is now. */
export type StoreChange =
  | { readonly kind: 'document'; readonly of: string; readonly id: string }
  | { readonly kind: 'lease' }
  /** Changes may have been missed: whoever follows reads everything again. */
  | { readonly kind: 'gap' };

/** The control plane's durable state. Every backend keeps the same promises; one contract suite holds them to it. */
export interface Store {
  /** Whether several processes may use it at once, and therefore must agree on who leads. */
  readonly isShared: boolean;
  get(kind: string, id: string): Promise<StoredDocument | undefined>;
  /** In the order of their ids. */
  list(kind: string): Promise<readonly StoredDocument[]>;
  /**
   * Writes if the present version is `ifVersion` (0: there is none; undefined: whatever it is). Durable when it resolves,
   * with the new version; with undefined when another was first. With `epoch`: only if the lease has that very epoch, which
   * is looked at in the same transaction.
   */
  put(
    kind: string,
    id: string,
    value: Uint8Array,
    ifVersion: number | undefined,
    epoch?: number,
  ): Promise<number | undefined>;
  /** False when there was none, or the lease has another epoch than the one given. */
  remove(kind: string, id: string, epoch?: number): Promise<boolean>;
  /** Ids and versions of everything of these kinds; what a follower holds against what it has. */
  versions(kinds: readonly string[]): Promise<readonly DocumentVersion[]>;
  /** Undefined: nobody has ever led. */
  lease(): Promise<StoredLease | undefined>;
  /** Writes over the version that was read (0: none); undefined when another was first. */
  putLease(
    lease: Pick<StoredLease, 'epoch' | 'holder'>,
    ifVersion: number,
  ): Promise<number | undefined>;
  /**
   * Calls back with what any process writes, also this one, until the returned function is called. After the store was away
   * a `gap` comes. A store that is not shared says nothing.
   */
  watch(onChange: (change: StoreChange) => void): () => void;
  /** Appends to the ledger; written together with what comes within some milliseconds. */
  record(entry: NewLedgerEntry): void;
  /** Entries that were lost since the start, because the store was away for too long. */
  readonly ledgerDropped: number;
  /** What the last write to the ledger, or of what its versions stand for, failed with; undefined: it did not. */
  readonly ledgerProblem: unknown;
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
