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

/**
 * `blame: 'alone'`: it may also come from who sends the requests, or from the machine, and is then seen at the proxies
 * that have not got the commit, too.
 */
interface Kind {
  readonly words: string;
  readonly count: (signals: Signals) => number;
  readonly blame: 'always' | 'alone';
  /** One odd answer is no reason to take a commit back. */
  readonly countMin: number;
  /** Of all requests: what a good change does not do. */
  readonly shareMore: number;
  /** A moment of it is a pause of the machine or of an application; a commit does it all the time. */
  readonly steady: boolean;
}

/** Where there was such trouble before, it has to grow by this much, too. */
const factorMore = 2;

const errors: Kind = {
  words: 'answers of 500 and above',
  count: (signals) => signals.errors,
  ...{ blame: 'always', countMin: 3, shareMore: 0.02, steady: false },
};
const denials: Kind = {
  words: 'denials',
  count: (signals) => signals.denials,
  ...{ blame: 'always', countMin: 3, shareMore: 0.02, steady: false },
};
const handshakeFailures: Kind = {
  words: 'handshakes that failed',
  count: (signals) => signals.handshakeFailures,
  ...{ blame: 'always', countMin: 3, shareMore: 0.02, steady: false },
};
const clientErrors: Kind = {
  words: 'answers of 400 to 499',
  count: (signals) => signals.clientErrors,
  ...{ blame: 'alone', countMin: 5, shareMore: 0.03, steady: false },
};
const retries: Kind = {
  words: 'repeated attempts',
  count: (signals) => signals.retries,
  ...{ blame: 'alone', countMin: 10, shareMore: 0.2, steady: true },
};
const late = slowerThanMs.map(
  (boundMs, index): Kind => ({
    words: `answers later than ${boundMs} ms`,
    count: ({ slower }) => slower[index] ?? 0,
    ...{ blame: 'alone', countMin: 10, shareMore: 0.1, steady: true },
  }),
);

/**
 * Why a proxy does worse than before, in words; undefined: it does not. Held against itself before the change, so that
 * what was bad already is not blamed on it, and where it may not be the change, against `others`: the proxies of the same
 * service without the change; undefined: it is the only one. `denialsExpected`: the commit takes permissions away on
 * purpose.
 */
export function hurt(
  own: Stretch,
  options: { readonly denialsExpected: boolean; readonly others: readonly Stretch[] | undefined },
): string | undefined {
  const { denialsExpected, others } = options;
  const expected = denialsExpected ? [] : [denials, clientErrors];
  const kinds = [errors, handshakeFailures, ...expected, retries, ...late.toReversed()];
  const kind = kinds.find(
    (one) => isWorse(own, one) && (!one.steady || isSteady(own, one)) && isOfChange(one, others),
  );
  if (kind === undefined) return undefined;
  const { before, after } = own;
  const share = percent(shareOf(after, kind));
  return `${kind.count(after)} ${kind.words} in ${seconds(after.overMs)}: ${share} of its requests, ${percent(shareOf(before, kind))} before`;
}

/** What a proxy counted before a change, and since: in all, and from each report to the next. */
export interface Stretch {
  readonly before: Signals;
  readonly after: Signals;
  readonly parts: readonly Signals[];
}

function isWorse({ before, after }: Stretch, kind: Kind): boolean {
  if (kind.count(after) < kind.countMin) return false;
  const [was, is] = [shareOf(before, kind), shareOf(after, kind)];
  return is > was + kind.shareMore && is > was * factorMore;
}

/** A pause ends all at once what waited for it, in one report or on the edge of two. */
export const steadyPartsMin = 3;

/** Once it has begun, in more reports than a pause is seen in, and in half of all. */
function isSteady({ before, parts }: Stretch, kind: Kind): boolean {
  const was = shareOf(before, kind);
  const isBad = (part: Signals): boolean => shareOf(part, kind) > was + kind.shareMore;
  const since = parts.slice(Math.max(0, parts.findIndex(isBad)));
  const worse = since.filter(isBad);
  return worse.length >= steadyPartsMin && worse.length * 2 >= since.length;
}

/** Not, where half of the others do worse without it, nor where nobody is left to ask. */
function isOfChange(kind: Kind, others: readonly Stretch[] | undefined): boolean {
  if (kind.blame === 'always' || others === undefined) return true;
  if (others.length === 0) return false;
  const asked = others.filter(({ after }) => after.requests >= kind.countMin);
  const worse = asked.filter((other) => isWorse(other, kind));
  return worse.length === 0 || worse.length * 2 < asked.length;
}

/** A handshake that failed is no request yet, nor is a connection that was refused. */
function shareOf(signals: Signals, kind: Kind): number {
  const count = kind.count(signals);
  return count === 0 ? 0 : count / Math.max(signals.requests, count);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

function seconds(lengthMs: number): string {
  return `${(lengthMs / 1_000).toFixed(1)} s`;
}
