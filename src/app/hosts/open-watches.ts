import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { type ApiReply, refused } from '../../serve/api/server.ts';
import { spread } from '../../serve/xds/drain.ts';

/** The watches of hosts that are open here, so that they can be ended in time. */
export class OpenWatches {
  readonly #options: { readonly clock: Clock; readonly random: Random };
  readonly #ends = new Set<() => void>();
  #isDraining = false;

  constructor(options: { readonly clock: Clock; readonly random: Random }) {
    this.#options = options;
  }

  /** The returned function says that it has ended. */
  opened(end: () => void): () => void {
    this.#ends.add(end);
    return () => void this.#ends.delete(end);
  }

  /** Why no host is served any more; undefined while they are. */
  get refusal(): ApiReply | undefined {
    return this.#isDraining ? refused(503, goingDown) : undefined;
  }

  /** Ends every watch, spread over `spreadMs`, and serves no host any more. Resolves after the last. */
  async drain(spreadMs: number): Promise<void> {
    this.#isDraining = true;
    await spread([...this.#ends], (end) => end(), { ...this.#options, spreadMs });
  }
}

const goingDown = {
  code: 'CH5456',
  message: 'this control plane is going down; another one serves this host',
} as const;
