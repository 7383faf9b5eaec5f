import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type AgentUpdate, paths } from '../serve/api/wire.ts';
import type { ControlLink } from './control-link.ts';

/** Hosts that lost their control plane together come to the others spread over this. */
const reconnectMs = 600;

interface ControlFeedOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly link: Pick<ControlLink, 'follow' | 'state'>;
  readonly onUpdate: (update: AgentUpdate) => void;
}

/** Trust, entries and policy, pushed by the control plane; while it is away the last ones hold. */
export class ControlFeed {
  readonly #options: ControlFeedOptions;
  #round = new AbortController();
  #isAway = false;
  #ended = false;

  constructor(options: ControlFeedOptions) {
    this.#options = options;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    while (!this.#ended) {
      this.#round = new AbortController();
      const { signal } = this.#round;
      await this.#follow(signal);
      await this.#pause(signal);
    }
  }

  /** At once, with the certificate that the host has now: the old stream ends with the one that it was opened with. */
  reopen(): void {
    this.#round.abort();
  }

  stop(): void {
    this.#ended = true;
    this.#round.abort();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { link, log } = this.#options;
    if (link.state.kind !== 'joined' && link.state.kind !== 'overdue') return;
    try {
      await link.follow(paths.watch, (line) => this.#take(line as AgentUpdate), signal);
    } catch (error) {
      if (signal.aborted || this.#isAway) return;
      this.#isAway = true;
      log.warn('the control plane is away', { ...problemFields(error) });
    }
  }

  #take(update: AgentUpdate): void {
    if (this.#isAway) this.#options.log.info('the control plane is back', {});
    this.#isAway = false;
    this.#options.onUpdate(update);
  }

  #pause(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const { clock, random } = this.#options;
      const cancel = clock.after(reconnectMs * random.fraction(), resolve);
      signal.addEventListener('abort', () => {
        cancel();
        resolve();
      });
    });
  }
}
