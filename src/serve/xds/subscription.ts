import { GrpcError, grpcStatus } from '../grpc/status.ts';

/** Bounds what a peer can make the server remember: on-demand names that never existed stay subscribed. */
const namesMax = 20_000;
const namesCharactersMax = 4 * 1024 * 1024;

/** What one request changed. */
interface SubscriptionChange {
  /** Names asked for, also those that were asked for before (rule B9). */
  readonly asked: readonly string[];
  readonly dropped: readonly string[];
  /** The wildcard was given up: all that is not asked for by name is no longer of interest. */
  readonly wildcardDropped: boolean;
}

/** Which names of one type a stream wants: some by name, and with the wildcard all there are. */
export class Subscription {
  #wildcard = false;
  #characters = 0;
  readonly #names = new Set<string>();

  get wildcard(): boolean {
    return this.#wildcard;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  wants(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  /** A first request without names means all, for listeners and clusters only (rules B1, B13). */
  openWildcard(): void {
    this.#wildcard = true;
  }

  /**
   * Subscriptions first, then unsubscriptions (rule B12). A wildcard that was given up does not come back by
   * itself (rule B5). Throws RESOURCE_EXHAUSTED for more names than one stream may have.
   */
  change(subscribe: readonly string[], unsubscribe: readonly string[]): SubscriptionChange {
    for (const name of subscribe) this.#add(name);
    const hadWildcard = this.#wildcard;
    const dropped = unsubscribe.filter((name) => this.#remove(name));
    return {
      asked: subscribe.filter((name) => this.#names.has(name)),
      dropped,
      wildcardDropped: hadWildcard && !this.#wildcard,
    };
  }

  #add(name: string): void {
    if (name === '*') {
      this.#wildcard = true;
      return;
    }
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.#characters += name.length;
    if (this.#names.size > namesMax || this.#characters > namesCharactersMax) {
      throw new GrpcError(grpcStatus.resourceExhausted, 'the stream subscribes to too many names');
    }
  }

  #remove(name: string): boolean {
    if (name === '*') this.#wildcard = false;
    if (!this.#names.delete(name)) return false;
    this.#characters -= name.length;
    return true;
  }
}
