import type { AgentUpdate } from '../serve/api/wire.ts';

export type AgentListener = (update: AgentUpdate) => void;

/** One agent for each host, and a second one while a new one takes over. */
const subscribersMax = 20_000;

interface Subscriber {
  readonly host: string;
  /** The version of the policy that it was told last. */
  policy: string;
}

/** The agents that are told here what changes. */
export class Subscribers {
  readonly #all = new Map<AgentListener, Subscriber>();
  readonly #perHost = new Map<string, number>();
  readonly #watchers = new Set<(host: string) => void>();

  /** The returned function ends it. */
  add(host: string, listener: AgentListener): () => void {
    if (this.#all.size >= subscribersMax) throw new Error('too many agents are watching');
    this.#all.set(listener, { host, policy: '' });
    this.#count(host, 1);
    return () => {
      if (this.#all.delete(listener)) this.#count(host, -1);
    };
  }

  /** Hosts of which an agent is told, by name. */
  get hosts(): readonly string[] {
    return [...this.#perHost.keys()].sort();
  }

  /** How many agents of a host are told. */
  of(host: string): number {
    return this.#perHost.get(host) ?? 0;
  }

  /** Calls back with each host of which the first agent came, or the last one went. */
  onHost(watcher: (host: string) => void): void {
    this.#watchers.add(watcher);
  }

  tell(update: AgentUpdate): void {
    for (const listener of this.#all.keys()) listener(update);
  }

  /** Each host its own policy, and only if it is another one than it has. */
  tellPolicies(
    policyOf: (host: string) => (AgentUpdate & { readonly kind: 'policy' }) | undefined,
  ): void {
    for (const [listener, subscriber] of this.#all) {
      const update = policyOf(subscriber.host);
      if (update === undefined || subscriber.policy === update.version) continue;
      subscriber.policy = update.version;
      listener(update);
    }
  }

  #count(host: string, by: 1 | -1): void {
    const count = this.of(host) + by;
    if (count === 0) this.#perHost.delete(host);
    else this.#perHost.set(host, count);
    const isOther = count === 0 || (by === 1 && count === 1);
    if (isOther) for (const watcher of this.#watchers) watcher(host);
  }
}
