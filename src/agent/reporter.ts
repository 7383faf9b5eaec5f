import type { Clock } from '../base/clock.ts';
import type { ApiCall } from '../serve/api/client.ts';
import { type HostReport, paths } from '../serve/api/wire.ts';

/** Changes that come together are one report. */
const reportDelayMs = 5;
const reportAgainMs = 10_000;
const retryMs = 300;

/** Tells the control plane what runs here, soon after each change, every ten seconds, and as often as it looks. */
export class Reporter {
  readonly #clock: Clock;
  readonly #call: (call: ApiCall) => Promise<unknown>;
  readonly #report: () => Promise<HostReport>;
  readonly #told: (report: HostReport) => void;
  #cancel = (): void => {};
  #reporting: 'no' | 'yes' | 'and again' = 'no';
  #stopped = false;
  #lookMs = 0;
  #cancelLook = (): void => {};

  constructor(options: {
    readonly clock: Clock;
    readonly call: (call: ApiCall) => Promise<unknown>;
    readonly report: () => Promise<HostReport>;
    /** The control plane has heard this one. */
    readonly told: (report: HostReport) => void;
  }) {
    this.#clock = options.clock;
    this.#call = options.call;
    this.#report = options.report;
    this.#told = options.told;
  }

  /** What changes while a report is on its way goes into the next one, at once. */
  soon(delayMs: number = reportDelayMs): void {
    if (this.#reporting !== 'no') {
      this.#reporting = 'and again';
      return;
    }
    this.#cancel();
    if (!this.#stopped) this.#cancel = this.#clock.after(delayMs, () => void this.#tell());
  }

  /** How often the control plane wants to know what proxies count; 0: not. */
  lookEvery(everyMs: number): void {
    this.#lookMs = everyMs;
    this.#cancelLook();
    if (everyMs === 0 || this.#stopped) return;
    this.#cancelLook = this.#clock.after(everyMs, () => {
      this.soon();
      this.lookEvery(everyMs);
    });
  }

  get isLookedAt(): boolean {
    return this.#lookMs !== 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#cancelLook();
  }

  async #tell(): Promise<void> {
    this.#reporting = 'yes';
    let nextMs = reportAgainMs;
    try {
      const body = await this.#report();
      await this.#call({ method: 'PUT', path: paths.report, body });
      this.#told(body);
    } catch {
      nextMs = retryMs;
    }
    const again = (this.#reporting as string) === 'and again';
    this.#reporting = 'no';
    this.soon(again ? reportDelayMs : nextMs);
  }
}
