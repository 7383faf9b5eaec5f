/** What a proxy has counted since it started. */
export interface ProxyCounters {
  /** Requests that its application got, and requests of its application that it sent on. */
  readonly requests: number;
  /** Answers of 500 and above among them, and gRPC statuses that stand for such, also those of the proxy itself. */
  readonly errors: number;
  /** Answers of 400 to 499, and gRPC statuses that stand for such, that are no denials of its own. */
  readonly clientErrors: number;
  /** Refused by policy, at whichever side; also connections of tcp services. */
  readonly denials: number;
  /** Handshakes that failed, as caller or callee. */
  readonly handshakeFailures: number;
  /** Attempts after the first of a request. */
  readonly retries: number;
  /** Requests that took longer than each of `slowerThanMs`. */
  readonly slower: readonly number[];
}

/** Bounds of Envoy's own histogram of durations, from where a person notices. */
export const slowerThanMs = [100, 250, 500, 1_000, 2_500, 5_000, 10_000] as const;

/** What was counted in some stretch of time. */
export type Signals = ProxyCounters & { readonly overMs: number };

/** What an agent reports; one of an earlier version leaves out what it does not count. */
export type ReportedCounters = Partial<ProxyCounters> & Pick<ProxyCounters, 'requests'>;

/**
 * What was counted from one report to the next; nothing of what only one of them counts. Undefined where the proxy was
 * started anew in between: its counters begin at nothing.
 */
export function signalsBetween(
  before: { readonly atMs: number; readonly counters: ReportedCounters },
  after: { readonly atMs: number; readonly counters: ReportedCounters },
): Signals | undefined {
  const [a, b] = [before.counters, after.counters];
  if (b.requests < a.requests || after.atMs <= before.atMs) return undefined;
  const more = (was: number | undefined, is: number | undefined): number =>
    was === undefined || is === undefined ? 0 : Math.max(0, is - was);
  return {
    overMs: after.atMs - before.atMs,
    requests: more(a.requests, b.requests),
    errors: more(a.errors, b.errors),
    clientErrors: more(a.clientErrors, b.clientErrors),
    denials: more(a.denials, b.denials),
    handshakeFailures: more(a.handshakeFailures, b.handshakeFailures),
    retries: more(a.retries, b.retries),
    slower: slowerThanMs.map((_, index) => more(a.slower?.[index], b.slower?.[index])),
  };
}

/** Stretches one after the other, as one. Undefined where there is none. */
export function sumOfSignals(stretches: readonly Signals[]): Signals | undefined {
  return stretches.length === 0 ? undefined : stretches.reduce(sum);
}

function sum(a: Signals, b: Signals): Signals {
  return {
    overMs: a.overMs + b.overMs,
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    clientErrors: a.clientErrors + b.clientErrors,
    denials: a.denials + b.denials,
    handshakeFailures: a.handshakeFailures + b.handshakeFailures,
    retries: a.retries + b.retries,
    slower: a.slower.map((count, index) => count + (b.slower[index] ?? 0)),
  };
}
