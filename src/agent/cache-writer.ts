import type { Clock } from '../base/clock.ts';
import type { HostCache, Kept } from './host-cache.ts';

/** Changes of a moment are kept by one write. */
const writeDelayMs = 100;
const writeAgainMs = 5_000;

interface CacheWriterOptions {
  readonly cache: Pick<HostCache, 'write' | 'problem'>;
  readonly clock: Clock;
  readonly held: () => Kept;
  /** The disk began or ceased to take what is held. */
  readonly onProblem: () => void;
}

/** Keeps what the agent holds; what the disk does not take is kept once it does. */
export class CacheWriter {
  readonly #options: CacheWriterOptions;
  #cancel: (() => void) | undefined;

  constructor(options: CacheWriterOptions) {
    this.#options = options;
  }

  soon(): void {
    this.#again(writeDelayMs);
  }

  async now(): Promise<void> {
    const { cache, held, onProblem } = this.#options;
    this.#cancel?.();
    this.#cancel = undefined;
    const before = cache.problem;
    await cache.write(held());
    if (before !== cache.problem) onProblem();
    if (cache.problem !== undefined) this.#again(writeAgainMs);
  }

  #again(delayMs: number): void {
    this.#cancel ??= this.#options.clock.after(delayMs, () => void this.now());
  }
}
