import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { IdentityEntry } from '../identity/entry.ts';
import type { SpiffeId } from '../identity/spiffe-id.ts';
import type { SvidReason, SvidReply } from '../serve/api/wire.ts';
import { type Svid, SvidKeeper } from './svid-keeper.ts';

interface SvidPoolOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly request: (
    entry: IdentityEntry,
    csrDerBase64: string,
    reason: SvidReason,
  ) => Promise<SvidReply>;
  /** What was held before a restart, by SPIFFE ID. */
  readonly kept: (spiffeId: string) => Svid | undefined;
  readonly onSvid: (spiffeId: SpiffeId) => void;
}

/** Requests on their way at once: a host that starts with a thousand identities is no thousand connections. */
const requestsMax = 32;

/**
 * The SVIDs of the services whose processes asked on this host, one for each identity. Once asked for, one is kept fresh
 * until its entry leaves the mesh, so that the next process gets it at once.
 */
export class SvidPool {
  readonly #options: SvidPoolOptions;
  readonly #keepers = new Map<
    string,
    { readonly entry: IdentityEntry; readonly keeper: SvidKeeper }
  >();
  /** No longer than there are keepers: each has one request at a time. */
  readonly #waiting: (() => void)[] = [];
  #requests = 0;

  constructor(options: SvidPoolOptions) {
    this.#options = options;
  }

  /** Undefined while the first one is on its way; `onSvid` tells when it is there. */
  get(entry: IdentityEntry): Svid | undefined {
    const known = this.#keepers.get(entry.spiffeId) ?? this.#add(entry);
    const { state } = known.keeper;
    if (state.kind === 'absent' || state.svid.notAfterMs <= this.#options.clock.nowMs()) {
      return undefined;
    }
    return state.svid;
  }

  get svids(): readonly Svid[] {
    return [...this.#keepers.values()].flatMap(({ keeper }) =>
      keeper.state.kind === 'absent' ? [] : [keeper.state.svid],
    );
  }

  /** Why an SVID that was asked for is not there or cannot be renewed, by SPIFFE ID. */
  get problems(): readonly { readonly spiffeId: string; readonly problem: string }[] {
    return [...this.#keepers].flatMap(([spiffeId, { keeper }]) =>
      keeper.state.kind === 'held' ? [] : [{ spiffeId, problem: keeper.state.problem }],
    );
  }

  /** Certificates that came and are not held, since they are of another time. */
  get apart(): readonly { readonly holder: string; readonly reason: string }[] {
    return [...this.#keepers].flatMap(([holder, { keeper }]) =>
      keeper.apart === undefined ? [] : [{ holder, reason: keeper.apart }],
    );
  }

  setEntries(entries: readonly IdentityEntry[]): void {
    const present = new Set<string>(entries.map((entry) => entry.spiffeId));
    for (const [spiffeId, { keeper }] of this.#keepers) {
      if (present.has(spiffeId)) continue;
      keeper.stop();
      this.#keepers.delete(spiffeId);
    }
  }

  taint(issuerKeyIds: readonly string[]): void {
    for (const { keeper } of this.#keepers.values()) keeper.taint(issuerKeyIds);
  }

  replan(): void {
    for (const { keeper } of this.#keepers.values()) keeper.replan();
  }

  stop(): void {
    for (const { keeper } of this.#keepers.values()) keeper.stop();
  }

  #add(entry: IdentityEntry): { readonly entry: IdentityEntry; readonly keeper: SvidKeeper } {
    const { clock, random, log, kept, onSvid } = this.#options;
    const keeper = new SvidKeeper({
      ...{ clock, random, log },
      spiffeName: entry.service,
      request: (csr, reason) => this.#request(entry, csr, reason),
      kept: kept(entry.spiffeId),
      onSvid: () => onSvid(entry.spiffeId),
    });
    const added = { entry, keeper };
    this.#keepers.set(entry.spiffeId, added);
    keeper.start();
    return added;
  }

  async #request(entry: IdentityEntry, csr: string, reason: SvidReason): Promise<SvidReply> {
    while (this.#requests >= requestsMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#requests += 1;
    try {
      return await this.#options.request(entry, csr, reason);
    } finally {
      this.#requests -= 1;
      this.#waiting.shift()?.();
    }
  }
}
