import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Log } from '../../base/log.ts';

/** Something that only the leader does. Both may be called again and again, and never at once. */
export interface LeaderPart {
  lead(): void | Promise<void>;
  follow(): void | Promise<void>;
}

const retryMs = 500;

/** Starts what only the leader does when this replica begins to lead, and ends it when it ceases to. */
export class Role {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #parts: { readonly part: LeaderPart; leads: boolean }[] = [];
  #isLeading = false;
  #changing: Promise<void> = Promise.resolve();

  constructor(options: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Resolves when it does what the others do; in the order in which they were added. */
  add(part: LeaderPart): Promise<void> {
    this.#parts.push({ part, leads: false });
    return this.#change();
  }

  became(isLeading: boolean): void {
    if (isLeading !== this.#isLeading)
      this.#log.info(isLeading ? 'this replica leads' : 'this replica follows', {});
    this.#isLeading = isLeading;
    void this.#change();
  }

  /** Resolves when everything has ended that only the leader does. */
  stop(): Promise<void> {
    this.#isLeading = false;
    return this.#change();
  }

  #change(): Promise<void> {
    this.#changing = this.#changing.then(() => this.#settle());
    return this.#changing;
  }

  async #settle(): Promise<void> {
    try {
      for (const one of this.#parts.toReversed()) {
        if (this.#isLeading || !one.leads) continue;
        one.leads = false;
        await one.part.follow();
      }
      for (const one of this.#parts) {
        if (!this.#isLeading || one.leads) continue;
        one.leads = true;
        await one.part.lead();
      }
    } catch (error) {
      this.#log.error('this replica cannot take up its role yet', { problem: messageOf(error) });
      for (const one of this.#parts) if (this.#isLeading) await this.#undo(one);
      this.#clock.after(retryMs, () => void this.#change());
    }
  }

  /** What failed half way begins anew, as a whole. */
  async #undo(one: { readonly part: LeaderPart; leads: boolean }): Promise<void> {
    if (!one.leads) return;
    one.leads = false;
    await one.part.follow();
  }
}
