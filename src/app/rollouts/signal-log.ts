import type { WorkloadId } from '../../compile/inventory.ts';
import { type ProxyCounters, type Signals, signalsBetween } from '../../rollout/signals.ts';

interface Sample {
  readonly atMs: number;
  readonly counters: ProxyCounters;
}

/** A minute of samples of a second each, to be held against. */
const samplesMax = 64;

/** What proxies counted lately, as their agents report it. */
export class SignalLog {
  readonly #samples = new Map<WorkloadId, Sample[]>();

  take(proxy: WorkloadId, atMs: number, counters: ProxyCounters): void {
    const samples = this.#samples.get(proxy) ?? [];
    this.#samples.set(proxy, samples);
    samples.push({ atMs, counters });
    if (samples.length > samplesMax) samples.shift();
  }

  forget(proxy: WorkloadId): void {
    this.#samples.delete(proxy);
  }

  /** From the first sample not before `fromMs` to the last not after `toMs`; undefined where there are not two. */
  between(proxy: WorkloadId, fromMs: number, toMs: number): Signals | undefined {
    const within = (this.#samples.get(proxy) ?? []).filter(
      ({ atMs }) => atMs >= fromMs && atMs <= toMs,
    );
    const [first, last] = [within[0], within.at(-1)];
    return first === undefined || last === undefined ? undefined : signalsBetween(first, last);
  }
}
