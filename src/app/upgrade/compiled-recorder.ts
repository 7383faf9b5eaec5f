import type { Clock } from '../../base/clock.ts';
import { recordOf } from '../../compile/recorded.ts';
import type { Revision } from '../../compile/revision.ts';
import type { Publisher } from '../publisher.ts';
import type { FencedStore } from '../replicas/fenced-store.ts';
import { writeCompiled } from './compiled-store.ts';

interface CompiledRecorderOptions {
  readonly publisher: Publisher;
  readonly store: Pick<FencedStore, 'put'>;
  readonly clock: Clock;
  readonly version: string;
}

/**
 * Of one commit no more often than this, as endpoints move all the time. What is written may be of before: it says of what it
 * was made, so whoever reads it knows what of it still holds. Of a proxy that is not in it nothing is known.
 */
const rewriteMinMs = 60_000;
const rewriteForNewMinMs = 2_000;

/** Writes down what this version makes of the commit that runs, for whichever version comes next. What the store says goes on. */
export class CompiledRecorder {
  readonly #options: CompiledRecorderOptions;
  #written: (Revision & { readonly commit: string; readonly atMs: number }) | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: CompiledRecorderOptions) {
    this.#options = options;
  }

  /** To be called again and again while it leads, and nobody goes on with what another version made. */
  async look(): Promise<void> {
    const { publisher, clock } = this.#options;
    const { running } = publisher;
    const before = this.#written;
    if (running === undefined || this.#isWrittenAs(running)) return;
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

  /** Durable when it resolves, as it is to be before all go on with it, and before the process ends. */
  flush(): Promise<void> {
    const run = this.#writing.then(() => this.#write());
    this.#writing = run.catch(() => {});
    return run;
  }

  async #write(): Promise<void> {
    const { publisher, store, clock, version } = this.#options;
    const { running, given } = publisher;
    if (running === undefined || this.#isWrittenAs(running)) return;
    const { snapshots, offers, commit } = running;
    const record = { version, commit: commit.id, ...given, ...recordOf(running) };
    await writeCompiled(store, record);
    this.#written = { snapshots, offers, commit: commit.id, atMs: clock.monotonicMs() };
  }
}
