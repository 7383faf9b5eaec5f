import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

/** Clocks that follow one time differ by less, and so does what is late on its way: then the host's own is the better one. */
const toleranceMs = 2_000;

/**
 * The time by which a desk decides: that of the control plane, as far as the host's clock is known to be another. What a
 * break-glass grant or a condition says of time is then the same on every host. Until the control plane has said what time
 * it is, and when the host's clock was set since, it is the host's own.
 */
export class MeshClock {
  readonly #clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly #log: Log;
  #heard: { readonly aheadMs: number; readonly hostMs: number; readonly monotonicMs: number };

  constructor(clock: Pick<Clock, 'nowMs' | 'monotonicMs'>, log: Log) {
    this.#clock = clock;
    this.#log = log;
    this.#heard = { aheadMs: 0, hostMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  }

  /** What time it is at the control plane, now. */
  hear(nowMs: number): void {
    const before = this.#aheadMs();
    const hostMs = this.#clock.nowMs();
    const differsMs = hostMs - nowMs;
    const aheadMs = Math.abs(differsMs) > toleranceMs ? differsMs : 0;
    this.#heard = { aheadMs, hostMs, monotonicMs: this.#clock.monotonicMs() };
    if (aheadMs === 0 || Math.abs(aheadMs - before) <= toleranceMs) return;
    this.#log.warn(
      'the clock of this host is not that of the control plane, by which its desk decides',
      {
        aheadSeconds: Math.round(aheadMs / 1_000),
      },
    );
  }

  nowMs(): number {
    return this.#clock.nowMs() - this.#aheadMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** 0 when the host's clock was set, or the machine slept, since it was compared: how far off it is now is not known. */
  #aheadMs(): number {
    const { aheadMs, hostMs, monotonicMs } = this.#heard;
    if (aheadMs === 0) return 0;
    const passedMs = this.#clock.nowMs() - hostMs;
    const isSet = Math.abs(passedMs - (this.#clock.monotonicMs() - monotonicMs)) > toleranceMs;
    return isSet ? 0 : aheadMs;
  }
}
