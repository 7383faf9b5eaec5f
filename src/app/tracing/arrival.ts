/** How the control plane came to look for a new state of the intent. Times are milliseconds since the epoch. */
export interface Noticed {
  readonly by: 'start' | 'watch' | 'poll' | 'webhook';
  readonly atMs: number;
  /** When it was brought from a repository elsewhere; undefined: nothing was to be brought. */
  readonly fetched: Span | undefined;
  /** What a webhook's header of that name said. */
  readonly traceparent: string | undefined;
}

/** A state of the intent that was noticed and read. */
export interface Arrival extends Noticed {
  readonly read: Span;
}

interface Span {
  readonly startMs: number;
  readonly endMs: number;
}
