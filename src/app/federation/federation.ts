import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { TrustBundle } from '../../identity/trust.ts';
import type { TrustDomain, TrustPeer } from '../../model/types.ts';
import type { PeerReply } from '../../serve/api/wire.ts';
import { PeerPoller } from './peer-poller.ts';
import { forgetOthers, type PeerStore } from './peer-store.ts';

interface FederationOptions {
  readonly store: PeerStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether this replica fetches; the others take from the store what the one that leads has fetched. */
  readonly isLeading: () => boolean;
  /** The mesh's own bundle, for a peer whose endpoint this mesh has given an SVID. */
  readonly own: () => TrustBundle;
}

/** The bundles of other trust domains: each comes from its own endpoint, and one that fails holds up no other. */
export class Federation {
  readonly #options: FederationOptions;
  readonly #listeners = new Set<() => void>();
  #pollers: ReadonlyMap<TrustDomain, PeerPoller> = new Map();
  #bundles: readonly TrustBundle[] = [];
  #applying: Promise<void> = Promise.resolve();

  constructor(options: FederationOptions) {
    this.#options = options;
  }

  /** Never merged; by trust domain. */
  get bundles(): readonly TrustBundle[] {
    return this.#bundles;
  }

  get replies(): readonly PeerReply[] {
    return [...this.#pollers.values()].map(({ reply }) => reply);
  }

  /** Calls back after each change of `bundles`. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes the peers of an intent. Resolves when their last good bundles are there, before any is fetched: a control
   * plane that has restarted does not take back for a moment what hosts trust.
   */
  apply(peers: ReadonlyMap<TrustDomain, TrustPeer>): Promise<void> {
    return this.#inTurn(() => this.#apply(peers, this.#pollers));
  }

  /** Another replica leads than before: whoever fetched ceases to, and the one that leads begins. */
  changed(): Promise<void> {
    return this.#inTurn(async () => {
      const before = [...this.#pollers.values()];
      await Promise.all(before.map((poller) => poller.stop()));
      const peers = new Map(before.map(({ peer }) => [peer.trustDomain, peer]));
      await this.#apply(peers, new Map());
    });
  }

  /** Another replica has fetched. */
  reload(): Promise<void> {
    if (this.#options.isLeading()) return Promise.resolve();
    return this.#inTurn(async () => {
      for (const poller of this.#pollers.values()) await poller.open();
      this.#tell();
    });
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const run = this.#applying.then(step);
    this.#applying = run.catch(() => {});
    return run;
  }

  async #apply(
    peers: ReadonlyMap<TrustDomain, TrustPeer>,
    before: ReadonlyMap<TrustDomain, PeerPoller>,
  ): Promise<void> {
    const after = new Map<TrustDomain, PeerPoller>();
    const fresh: PeerPoller[] = [];
    for (const [trustDomain, peer] of peers) {
      const known = before.get(trustDomain);
      if (known !== undefined && isSame(known.peer, peer)) {
        after.set(trustDomain, known);
        continue;
      }
      await known?.stop();
      const poller = this.#poller(peer);
      await poller.open();
      after.set(trustDomain, poller);
      fresh.push(poller);
    }
    this.#pollers = after;
    // Dropped before anything else is waited for: a peer that is taken out is believed no longer.
    this.#tell();
    const isLeading = this.#options.isLeading();
    if (isLeading) for (const poller of fresh) poller.start();
    await Promise.all([...before].map(([name, one]) => (peers.has(name) ? undefined : one.stop())));
    if (isLeading) await forgetOthers(this.#options.store, peers);
  }

  /** Fetches the bundle of a peer now. Undefined: there is no such peer. */
  async refresh(trustDomain: string): Promise<PeerReply | undefined> {
    const poller = this.#pollers.get(trustDomain as TrustDomain);
    await poller?.refresh();
    return poller?.reply;
  }

  async stop(): Promise<void> {
    await this.#applying;
    await Promise.all([...this.#pollers.values()].map((poller) => poller.stop()));
  }

  #poller(peer: TrustPeer): PeerPoller {
    const { store, clock, log } = this.#options;
    return new PeerPoller(peer, {
      ...{ store, clock, log },
      bundleOf: (trustDomain) => this.#bundleOf(trustDomain),
      onChange: () => this.#tell(),
    });
  }

  #bundleOf(trustDomain: TrustDomain): TrustBundle | undefined {
    const own = this.#options.own();
    if (own.trustDomain === trustDomain) return own;
    return this.#pollers.get(trustDomain)?.bundle;
  }

  #tell(): void {
    const bundles = [...this.#pollers.values()].flatMap(({ bundle }) => bundle ?? []);
    if (JSON.stringify(bundles) === JSON.stringify(this.#bundles)) return;
    this.#bundles = bundles;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Apart from where it stands in its file. */
function isSame(a: TrustPeer, b: TrustPeer): boolean {
  return JSON.stringify({ ...a, at: undefined }) === JSON.stringify({ ...b, at: undefined });
}
