import type { Clock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';

interface NoticesOptions {
  /** Each says what a person must know now; the same thing in the same words, but for its notes. */
  readonly sources: readonly (() => readonly Finding[])[];
  readonly onNew: (finding: Finding) => void;
  readonly clock: Clock;
}

const lookEveryMs = 1_000;

/** Findings that last: shown while they hold, and told once when they come. */
export class Notices {
  readonly #options: NoticesOptions;
  #told = new Set<string>();
  #cancel = (): void => {};

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  get current(): readonly Finding[] {
    return this.#options.sources.flatMap((source) => source());
  }

  start(): void {
    this.look();
    this.#cancel = this.#options.clock.after(lookEveryMs, () => this.start());
  }

  stop(): void {
    this.#cancel();
  }

  /** What has gone and comes back is told again. */
  look(): void {
    const told = new Set<string>();
    for (const finding of this.current) {
      const { notes: _, ...facts } = finding;
      const key = JSON.stringify(facts);
      if (!this.#told.has(key) && !told.has(key)) this.#options.onNew(finding);
      told.add(key);
    }
    this.#told = told;
  }
}
