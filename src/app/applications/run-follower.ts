import type { Sides } from '../../rollout/sides.ts';
import type { RunRevision } from '../host-plan.ts';

interface RunFollowerOptions {
  /** Undefined: it cannot be read (any more), as a working tree that has changed since. */
  readonly read: (commit: string) => Promise<RunRevision | undefined>;
  readonly reconcile: (sides: Sides<RunRevision>) => Promise<void>;
  readonly first: RunRevision;
}

/** What runs, what is on its way, and some that came and went meanwhile. */
const knownMax = 8;

/** Has the processes of this machine follow a rollout, one change at a time; of those that wait the newest counts. */
export class RunFollower {
  readonly #options: RunFollowerOptions;
  readonly #known = new Map<string, Promise<RunRevision | undefined>>();
  #base: RunRevision;
  #waiting: Sides<string> | undefined;
  #working: Promise<void> | undefined;

  constructor(options: RunFollowerOptions) {
    this.#options = options;
    this.#base = options.first;
    this.#known.set(options.first.commit, Promise.resolve(options.first));
  }

  /** Read while it is there: a working tree is soon another one. */
  know(commit: string): Promise<RunRevision | undefined> {
    const known = this.#known.get(commit) ?? this.#options.read(commit);
    this.#known.delete(commit);
    this.#known.set(commit, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > knownMax && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }

  /** Resolves when the processes have been told. */
  follow(sides: Sides<string>): Promise<void> {
    this.#waiting = sides;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  async #work(): Promise<void> {
    for (let sides = this.#waiting; sides !== undefined; sides = this.#waiting) {
      this.#waiting = undefined;
      const { ahead } = sides;
      // One that cannot be read leaves its workloads as they are.
      this.#base = (await this.know(sides.base)) ?? this.#base;
      const next = sides.next === undefined ? undefined : await this.know(sides.next);
      await this.#options.reconcile({ base: this.#base, next, ahead });
    }
  }
}
