import type { Clock } from '../../base/clock.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { ReportedCounters } from '../../rollout/signals.ts';
import type { Store } from '../../store/store.ts';
import type { SignalLog } from '../rollouts/signal-log.ts';
import type { Followed } from './feed.ts';

export const signalsKind = 'signals';

/** As often as agents tell while a commit is looked at closely. */
const writeEveryMs = 500;

type Counted = readonly [proxy: string, counters: ReportedCounters];

interface SharedSignalsOptions {
  readonly store: Pick<Store, 'isShared' | 'put'>;
  readonly clock: Clock;
  readonly signals: SignalLog;
  readonly replica: string;
}

/**
 * What proxies count, told to whichever replica leads: each writes what its hosts told it since its last write. One that is
 * lost is one sample less. Each replica notes when it heard, by its own clock.
 */
export class SharedSignals {
  readonly #options: SharedSignalsOptions;
  #pending = new Map<string, ReportedCounters>();
  #cancel: (() => void) | undefined;

  constructor(options: SharedSignalsOptions) {
    this.#options = options;
  }

  /** Of a host that told it here. */
  tell(proxy: WorkloadId, counters: ReportedCounters): void {
    const { store, clock, signals } = this.#options;
    signals.take(proxy, clock.nowMs(), counters);
    if (!store.isShared) return;
    this.#pending.set(proxy, counters);
    this.#cancel ??= clock.after(writeEveryMs, () => void this.#write());
  }

  forget(proxy: WorkloadId): void {
    this.#options.signals.forget(proxy);
  }

  take(changes: readonly Followed[]): void {
    const { signals, clock, replica } = this.#options;
    for (const { id, document } of changes) {
      if (id === replica || document === undefined) continue;
      const counted = JSON.parse(
        Buffer.from(document.value).toString('utf8'),
      ) as readonly Counted[];
      for (const [proxy, counters] of counted) {
        signals.take(proxy as WorkloadId, clock.nowMs(), counters);
      }
    }
  }

  stop(): void {
    this.#cancel?.();
  }

  async #write(): Promise<void> {
    this.#cancel = undefined;
    const { store, replica } = this.#options;
    const counted: readonly Counted[] = [...this.#pending];
    this.#pending = new Map();
    const bytes = Buffer.from(JSON.stringify(counted));
    await store.put(signalsKind, replica, bytes, undefined).catch(() => {});
  }
}
