import type { Clock } from '../../base/clock.ts';

import { type Log, problemFields } from '../../base/log.ts';

/** Something that only the leader does. Both may be called again and again, and never at once. */
export interface LeaderPart {
  lead(): void | Promise<void>;
  follow(): void | Promise<void>;
}

const retryMs = 500;

interface Held {
  readonly part: LeaderPart;
  /** The epoch for which it leads; undefined: it follows. */
  epoch: number | undefined;
}

/**
 * Starts what only the leader does when this replica begins to lead, and ends it when it ceases to. A lease that was lost and
 * taken again is another one: in between somebody else may have led, so everything ends and begins anew.
 */
export class Role {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #parts: Held[] = [];
  #wanted: number | undefined;
  #epoch: number | undefined;
  #changing: Promise<void> = Promise.resolve();

  constructor(options: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** The epoch for which this replica may act: nothing of an earlier one goes on any more. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** It is to end what it does, and that must not wait for a store that takes nothing. */
  get isEnding(): boolean {
    return this.#epoch !== undefined && this.#epoch !== this.#wanted;
  }

  /** Resolves when it does what the others do; in the order in which they were added. */
  add(part: LeaderPart): Promise<void> {
    this.#parts.push({ part, epoch: undefined });
    return this.#change();
  }

  /** Undefined: it follows. Resolves when everything has followed that. */
  became(epoch: number | undefined): Promise<void> {
    if (epoch !== this.#wanted) {
      const what = epoch === undefined ? 'this replica follows' : 'this replica leads';
      this.#log.info(what, epoch === undefined ? {} : { epoch });
    }
    this.#wanted = epoch;
    return this.#change();
  }

  #change(): Promise<void> {
    this.#changing = this.#changing.then(() => this.#settle());
    return this.#changing;
  }

  async #settle(): Promise<void> {
    try {
      for (const one of this.#parts.toReversed()) {
        if (one.epoch !== undefined && one.epoch !== this.#wanted) await follow(one);
      }
      this.#epoch = this.#wanted;
      for (const one of this.#parts) {
        if (this.#wanted === undefined || one.epoch !== undefined) continue;
        one.epoch = this.#wanted;
        await one.part.lead();
      }
    } catch (error) {
      this.#log.error('this replica cannot take up its role yet', problemFields(error));
      // What failed half way begins anew, as a whole.
      for (const one of this.#parts.toReversed()) if (one.epoch !== undefined) await follow(one);
      this.#clock.after(retryMs, () => void this.#change());
    }
  }
}

async function follow(one: Held): Promise<void> {
  one.epoch = undefined;
  await one.part.follow();
}
