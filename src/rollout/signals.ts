/** What a proxy has counted since it started. */
export interface ProxyCounters {
  /** Requests that its application got, and requests of its application that it sent on. */
  readonly requests: number;
  /** Answers of 500 and above among them, also those of the proxy itself. */
  readonly errors: number;
  /** Refused by policy, at whichever side. */
  readonly denials: number;
  /** Handshakes that failed, as caller or callee. */
  readonly handshakeFailures: number;
}

/** What was counted in some stretch of time. */
export type Signals = ProxyCounters & { readonly overMs: number };

/** Undefined where the proxy was started anew in between: its counters begin at nothing. */
export function signalsBetween(
  before: { readonly atMs: number; readonly counters: ProxyCounters },
  after: { readonly atMs: number; readonly counters: ProxyCounters },
): Signals | undefined {
  const [a, b] = [before.counters, after.counters];
  if (b.requests < a.requests || after.atMs <= before.atMs) return undefined;
  return {
    overMs: after.atMs - before.atMs,
    requests: b.requests - a.requests,
    errors: Math.max(0, b.errors - a.errors),
    denials: Math.max(0, b.denials - a.denials),
    handshakeFailures: Math.max(0, b.handshakeFailures - a.handshakeFailures),
  };
}

/** One odd answer is no reason to take a commit back. */
const countMin = 3;
/** Of all requests: what a good change does not do. */
const shareMore = 0.02;
/** Where there was such trouble before, it has to grow by this much, too. */
const factorMore = 2;

/**
 * Why a proxy does worse than before, in words; undefined: it does not. Held against itself before the change, so that
 * what was bad already is not blamed on it. `denialsExpected`: the commit takes permissions away on purpose.
 */
export function hurt(
  before: Signals,
  after: Signals,
  options: { readonly denialsExpected: boolean },
): string | undefined {
  const kinds = [
    ['errors', 'answers of 500 and above'],
    ...(options.denialsExpected ? [] : [['denials', 'denials'] as const]),
    ['handshakeFailures', 'handshakes that failed'],
  ] as const;
  for (const [kind, words] of kinds) {
    if (isWorse(before, after, kind)) {
      const share = percent(shareOf(after, kind));
      return `${after[kind]} ${words} in ${seconds(after.overMs)}: ${share} of its requests, ${percent(shareOf(before, kind))} before`;
    }
  }
  return undefined;
}

type Kind = 'errors' | 'denials' | 'handshakeFailures';

function isWorse(before: Signals, after: Signals, kind: Kind): boolean {
  if (after[kind] < countMin) return false;
  const [was, is] = [shareOf(before, kind), shareOf(after, kind)];
  return is > was + shareMore && is > was * factorMore;
}

/** A handshake that failed is no request yet. */
function shareOf(signals: Signals, kind: Kind): number {
  const all = kind === 'handshakeFailures' ? signals.requests + signals[kind] : signals.requests;
  return all === 0 ? 0 : signals[kind] / all;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

function seconds(lengthMs: number): string {
  return `${(lengthMs / 1_000).toFixed(1)} s`;
}
