import type { Clock } from '../../base/clock.ts';
import { ChanceryError } from '../../base/error.ts';
import { type Log, problemFields } from '../../base/log.ts';
import { recordOf } from '../../compile/recorded.ts';
import type { Revision } from '../../compile/revision.ts';
import type { Publisher } from '../publisher.ts';
import type { FencedStore } from '../replicas/fenced-store.ts';
import { writeCompiled } from './compiled-store.ts';

interface CompiledRecorderOptions {
  readonly publisher: Publisher;
  readonly store: Pick<FencedStore, 'put'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
}

/**
 * Of one commit no more often than this, as endpoints move all the time. What is written may be of before: it says of what it
 * was made, so whoever reads it knows what of it still holds. Of a proxy that is not in it nothing is known.
 */
const rewriteMinMs = 60_000;
const rewriteForNewMinMs = 2_000;

/** Writes down what this version makes of the commit that runs, for whichever version comes next. */
export class CompiledRecorder {
  readonly #options: CompiledRecorderOptions;
  #written: (Revision & { readonly commit: string; readonly atMs: number }) | undefined;
  #isWriting = false;

  constructor(options: CompiledRecorderOptions) {
    this.#options = options;
  }

  /** To be called again and again while it leads, and nobody goes on with what another version made. */
  async look(): Promise<void> {
    const { publisher, clock } = this.#options;
    const { running } = publisher;
    const before = this.#written;
    if (running === undefined || this.#isWriting || this.#isWrittenAs(running)) return;
    if (before?.commit === running.commit.id) {
      const agoMs = clock.monotonicMs() - before.atMs;
      if (agoMs < rewriteForNewMinMs) return;
      const isNew = [...running.snapshots.keys()].some((id) => !before.snapshots.has(id));
      if (!isNew && agoMs < rewriteMinMs) return;
    }
    await this.flush();
  }

  #isWrittenAs({ commit, snapshots, offers }: NonNullable<Publisher['running']>): boolean {
    const before = this.#written;
    const isSame = before?.snapshots === snapshots && before.offers === offers;
    return isSame && before.commit === commit.id;
  }

  /** Writes down how things are, as before it ends. */
  async flush(): Promise<void> {
    const { running } = this.#options.publisher;
    if (running === undefined || this.#isWriting || this.#isWrittenAs(running)) return;
    this.#isWriting = true;
    try {
      await this.#write();
    } finally {
      this.#isWriting = false;
    }
  }

  async #write(): Promise<void> {
    const { publisher, store, clock, log, version } = this.#options;
    const { running, given } = publisher;
    if (running === undefined) return;
    const { snapshots, offers, commit } = running;
    try {
      const record = { version, commit: commit.id, ...given, ...recordOf(running) };
      await writeCompiled(store, record);
      this.#written = { snapshots, offers, commit: commit.id, atMs: clock.monotonicMs() };
    } catch (error) {
      // Who does not lead any more leaves it to whoever does; what the store does not take now it takes at the next look.
      if (error instanceof ChanceryError && error.code === 'CH5450') return;
      log.warn('the store did not take what was compiled', problemFields(error));
    }
  }
}
