/** One of the control planes that share a store, as another one sees it. */
export interface ReplicaStatus {
  /** Host and port for proxies. */
  readonly name: string;
  /** `silent`: not heard of for some seconds; it is dead, or cut off from the store. */
  readonly state: 'serving' | 'draining' | 'silent';
  readonly startedMs: number;
  /** How long ago it was heard of last. */
  readonly heardMs: number;
  /** Undefined: it does not lead. */
  readonly leadsSinceMs: number | undefined;
  /** It is the one that answers. */
  readonly isThis: boolean;
}
