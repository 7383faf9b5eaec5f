/** What happened, for later questions. Kinds are fixed words; facts are plain values, never secrets. */
export interface LedgerEntry {
  readonly seq: number;
  readonly atMs: number;
  readonly kind: string;
  readonly subject: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

export type NewLedgerEntry = Omit<LedgerEntry, 'seq'>;

/** An xDS resource as it was once made: what a version in the ledger stands for. Equal content is kept once. */
export interface MadeResource {
  /** Short name of the type, such as `Cluster`. */
  readonly type: string;
  readonly name: string;
  readonly version: string;
  /** When it was first sent to anybody. */
  readonly atMs: number;
  /** The first commit that made it; the places are lines of that commit. */
  readonly commit: string;
  readonly from: readonly { readonly file: string; readonly line: number }[];
  readonly bytes: Uint8Array;
}

/** A resource without its content: what a proxy is said to have. */
export type ResourceKey = Pick<MadeResource, 'type' | 'name' | 'version'>;

export function resourceId({ type, name, version }: ResourceKey): string {
  return `${type} ${version} ${name}`;
}
