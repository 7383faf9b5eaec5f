import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { type ApiReply, refused } from '../../serve/api/server.ts';
import { spread } from '../../serve/xds/drain.ts';

/**
 * Agents report every ten seconds: one that says nothing for this long hangs, or its reports go elsewhere. Its connection tells
 * nothing: the kernel of a process that was stopped goes on answering.
 */
const silenceMaxMs = 25_000;

interface Watch {
  readonly end: () => void;
  /** By the monotonic clock. */
  heardMs: number;
}

/** The watches of hosts that are open here, so that they can be ended in time. */
export class OpenWatches {
  readonly #options: { readonly clock: Clock; readonly random: Random };
  readonly #hosts = new Map<string, Set<Watch>>();
  #isDraining = false;

  constructor(options: { readonly clock: Clock; readonly random: Random }) {
    this.#options = options;
  }

  /** Ends also when the host falls silent. The returned function says that it has ended. */
  opened(host: string, end: () => void): () => void {
    const watch: Watch = { end, heardMs: this.#nowMs };
    const own = this.#hosts.get(host) ?? new Set();
    this.#hosts.set(host, own.add(watch));
    const cancel = this.#endWhenSilent(watch);
    return () => {
      cancel();
      own.delete(watch);
      if (own.size === 0 && this.#hosts.get(host) === own) this.#hosts.delete(host);
    };
  }

  /** The host called, whatever it asked. */
  heard(host: string): void {
    for (const watch of this.#hosts.get(host) ?? []) watch.heardMs = this.#nowMs;
  }

  get #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  #endWhenSilent(watch: Watch): () => void {
    let cancel = (): void => {};
    const look = (): void => {
      const leftMs = watch.heardMs + silenceMaxMs - this.#nowMs;
      if (leftMs <= 0) watch.end();
      else cancel = this.#options.clock.after(leftMs, look);
    };
    look();
    return () => cancel();
  }

  /** Why no host is served any more; undefined while they are. */
  get refusal(): ApiReply | undefined {
    return this.#isDraining ? refused(503, goingDown) : undefined;
  }

  /** Ends every watch, spread over `spreadMs`, and serves no host any more. Resolves after the last. */
  async drain(spreadMs: number): Promise<void> {
    this.#isDraining = true;
    const all = [...this.#hosts.values()].flatMap((own) => [...own]);
    await spread(all, ({ end }) => end(), { ...this.#options, spreadMs });
  }
}

const goingDown = {
  code: 'CH5456',
  message: 'this control plane is going down; another one serves this host',
} as const;
