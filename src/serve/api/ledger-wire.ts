import type { LedgerEntry, MadePlace, MadeResource } from '../../base/ledger.ts';

/** GET /v1/ledger: newest first. */
export interface LedgerReply {
  readonly entries: readonly LedgerEntry[];
  /** Where older ones may be: ask again with these parameters. */
  readonly next: { readonly beforeMs: number; readonly beforeSeq: number } | undefined;
}

/** GET /v1/proxies/NAME: what it runs, or ran at that time. */
export interface ProxyReply {
  readonly proxy: string;
  readonly atMs: number;
  readonly kind: 'unknown' | 'connected' | 'away' | 'left';
  readonly sinceMs: number;
  readonly resources: readonly ProxyResource[];
}

/** A resource may stand there twice: as what the proxy has, and as the later version that it refused or waits for. */
export interface ProxyResource {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly state: 'accepted' | 'rejected' | 'sent' | 'to be sent' | 'quarantined';
  readonly sinceMs?: number;
  readonly message?: string;
  /** Lines of that commit. Empty and undefined: it was made before what the ledger holds. */
  readonly from: readonly MadePlace[];
  readonly commit?: string | undefined;
}

/** GET /v1/resources: what a version stands for; its bytes in base64. */
export type MadeReply = Omit<MadeResource, 'bytes'> & { readonly bytes: string };
