import type { WorkloadId } from '../../compile/inventory.ts';
import {
  type ReportedCounters,
  type Signals,
  signalsBetween,
  sumOfSignals,
} from '../../rollout/signals.ts';

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What was counted from one report to the next. */
interface Stretch extends Span {
  readonly signals: Signals;
}

interface Known {
  readonly atMs: number;
  readonly counters: ReportedCounters;
  readonly stretches: Stretch[];
}

/** A minute at the pace of a rollout under way, to be held against. */
const stretchesMax = 128;

/** What proxies counted lately, as their agents report it. */
export class SignalLog {
  readonly #proxies = new Map<WorkloadId, Known>();
  #struck: Span = { fromMs: 0, toMs: 0 };

  get proxies(): readonly WorkloadId[] {
    return [...this.#proxies.keys()];
  }

  take(proxy: WorkloadId, atMs: number, counters: ReportedCounters): void {
    const known = this.#proxies.get(proxy);
    const stretches = known?.stretches ?? [];
    this.#proxies.set(proxy, { atMs, counters, stretches });
    const signals = known === undefined ? undefined : signalsBetween(known, { atMs, counters });
    if (known === undefined || signals === undefined) return;
    const stretch = { fromMs: known.atMs, toMs: atMs, signals };
    if (overlaps(stretch, this.#struck)) return;
    stretches.push(stretch);
    if (stretches.length > stretchesMax) stretches.shift();
  }

  forget(proxy: WorkloadId): void {
    this.#proxies.delete(proxy);
  }

  /** The wall clock jumped: what was counted before keeps its distance from now. */
  moveBy(byMs: number): void {
    this.#struck = movedSpan(this.#struck, byMs);
    for (const [proxy, { atMs, counters, stretches }] of this.#proxies) {
      const moved = stretches.map((one) => movedSpan(one, byMs));
      this.#proxies.set(proxy, { atMs: atMs + byMs, counters, stretches: moved });
    }
  }

  /** What was counted while a commit hurt says nothing of how a proxy is without it. */
  strike(span: Span): void {
    this.#struck = span;
    for (const { stretches } of this.#proxies.values()) {
      const kept = stretches.filter((one) => !overlaps(one, span));
      stretches.splice(0, stretches.length, ...kept);
    }
  }

  /** Of all stretches within; undefined where there is none. */
  between(proxy: WorkloadId, fromMs: number, toMs: number): Signals | undefined {
    return sumOfSignals(this.stretches(proxy, fromMs, toMs));
  }

  /** From each report to the next, oldest first. */
  stretches(proxy: WorkloadId, fromMs: number, toMs: number): readonly Signals[] {
    const stretches = this.#proxies.get(proxy)?.stretches ?? [];
    const within = stretches.filter((one) => one.fromMs >= fromMs && one.toMs <= toMs);
    return within.map(({ signals }) => signals);
  }
}

function movedSpan<T extends Span>(span: T, byMs: number): T {
  return { ...span, fromMs: span.fromMs + byMs, toMs: span.toMs + byMs };
}

function overlaps(a: Span, b: Span): boolean {
  return a.fromMs < b.toMs && a.toMs > b.fromMs;
}
