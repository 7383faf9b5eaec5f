import type { AuthorityStore } from '../identity/authority.ts';

/** What happened, for later questions. Kinds are fixed words; facts are plain values, never secrets. */
export interface LedgerEntry {
  readonly seq: number;
  readonly atMs: number;
  readonly kind: string;
  readonly subject: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

/** The control plane's durable state. Every backend keeps the same promises; one contract suite holds them to it. */
export interface Store extends AuthorityStore {
  /** Newest first. */
  ledger(query: {
    readonly kind?: string;
    readonly limit: number;
  }): Promise<readonly LedgerEntry[]>;
  /** Resolves when everything recorded so far is on disk. */
  flush(): Promise<void>;
  /** What a host last reported, as JSON text; the control plane comes back with it after a restart. */
  putHost(host: string, report: string): Promise<void>;
  hosts(): Promise<ReadonlyMap<string, string>>;
  close(): Promise<void>;
}
