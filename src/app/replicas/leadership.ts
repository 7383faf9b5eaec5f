import type { Clock } from '../../base/clock.ts';

import { type Log, problemFields } from '../../base/log.ts';
import {
  type LeaseEvent,
  type LeaseState,
  leaseAfter,
  leaseTimes,
  leaseToTake,
  type SeenLease,
  watching,
} from '../../replica/lease.ts';
import type { Store, StoredLease } from '../../store/store.ts';

/** Three renewals fit into the time for which a lease is held, each with time to fail. */
const lookEveryMs = 1_000;
/** Others take a lease that is free when they hear of it, or a second later. */
const yieldMs = 5_000;

/** Who holds the lease, as it stands in it. */
interface LeaseHolder {
  /** Of one process: what comes after it with the same name is another. */
  readonly replica: string;
  readonly name: string;
  /** Milliseconds since the epoch, by the holder's clock: for people. */
  readonly sinceMs: number;
}

interface LeadershipOptions {
  readonly store: Pick<Store, 'isShared' | 'lease' | 'putLease'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: string;
  readonly name: string;
  /** Called when this replica begins to lead, with another epoch each time, or ceases to. */
  readonly onChange: (epoch: number | undefined) => void;
}

/** Takes the lease, renews it and gives it back. Where a store is not shared, this process leads at once and for good. */
export class Leadership {
  readonly #options: LeadershipOptions;
  #state: LeaseState;
  #holder: LeaseHolder | undefined;
  #looking: Promise<void> | undefined;
  #isReached = true;
  #stopped = false;
  /** Until then it leaves the lease to others. */
  #yieldsUntilMs = Number.NEGATIVE_INFINITY;
  #cancel = (): void => {};
  #cancelEnd = (): void => {};

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#state = watching(options.clock.monotonicMs());
  }

  /** Undefined: this replica does not lead now. */
  get epoch(): number | undefined {
    if (this.#options.store.isShared) this.#heard({ kind: 'time', nowMs: this.#nowMs });
    return this.#state.kind === 'leading' ? this.#state.epoch : undefined;
  }

  /** Who has the lease, as far as it is known here; nobody may. */
  get holder(): LeaseHolder | undefined {
    return this.#holder;
  }

  /** Whether somebody leads: this replica, or another whose lease is fresh as far as it is known here. */
  get leads(): boolean {
    if (this.epoch !== undefined) return true;
    const state = this.#state;
    if (state.kind === 'leading' || state.seen?.holder === undefined) return false;
    return this.#nowMs - state.sinceMs < leaseTimes.expiresMs;
  }

  /** The newest epoch that is known here. */
  get seenEpoch(): number | undefined {
    return this.epoch ?? (this.#state.kind === 'watching' ? this.#state.seen?.epoch : undefined);
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.look();
    this.#plan();
  }

  /** Somebody wrote the lease. Who leads hears its own renewals, too, and must not renew for them. */
  heard(): void {
    if (this.#state.kind === 'watching') void this.look();
  }

  /** Looks now; one at a time. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .then(() => this.#reached(undefined))
      .catch((error: unknown) => this.#reached(error))
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** Gives the lease back, so that another replica leads at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#giveBack();
  }

  /** The same, and does not take it again at once: another one leads better. If none does, this one goes on later. */
  async yield(): Promise<void> {
    this.#yieldsUntilMs = this.#nowMs + yieldMs;
    await this.#giveBack();
  }

  async #giveBack(): Promise<void> {
    await this.#looking;
    const state = this.#state;
    this.#heard({ kind: 'released', nowMs: this.#nowMs });
    if (state.kind !== 'leading') return;
    const { store, log } = this.#options;
    const free = { epoch: state.epoch, holder: '' };
    await store.putLease(free, state.version).catch((error: unknown) =>
      log.warn('the lease could not be given back; it ends by itself', {
        ...problemFields(error),
      }),
    );
  }

  get #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  #plan(): void {
    this.#cancel = this.#options.clock.after(lookEveryMs, () => {
      void this.look();
      if (!this.#stopped) this.#plan();
    });
  }

  async #look(): Promise<void> {
    const { store, replica } = this.#options;
    if (this.#state.kind === 'watching') {
      const lease = await store.lease();
      this.#holder = holderOf(lease);
      this.#heard({ kind: 'read', lease: seenLease(lease, this.#holder), nowMs: this.#nowMs });
    }
    // What nobody else can take needs no renewal.
    const isForGood = this.#state.kind === 'leading' && !store.isShared;
    if (this.#stopped || isForGood || this.#isYielding) return;
    const wanted = leaseToTake(this.#seenState(), replica, this.#nowMs);
    if (wanted !== undefined) await this.#write(wanted);
  }

  get #isYielding(): boolean {
    return this.#state.kind === 'watching' && this.#nowMs < this.#yieldsUntilMs;
  }

  /** A store of one process has no holder to wait for: whoever had it is gone. */
  #seenState(): LeaseState {
    const state = this.#state;
    if (this.#options.store.isShared || state.kind !== 'watching') return state;
    const { seen } = state;
    return { ...state, seen: seen && { ...seen, holder: undefined } };
  }

  async #write(wanted: { readonly epoch: number; readonly ifVersion: number }): Promise<void> {
    const { store, clock, replica, name } = this.#options;
    const begunMs = this.#nowMs;
    const { epoch } = wanted;
    const isOurs = this.#state.kind === 'leading' && this.#holder?.replica === replica;
    const sinceMs = isOurs ? (this.#holder?.sinceMs ?? 0) : clock.nowMs();
    const holder: LeaseHolder = { replica, name, sinceMs };
    const version = await store.putLease(
      { epoch, holder: JSON.stringify(holder) },
      wanted.ifVersion,
    );
    if (version === undefined) return this.#heard({ kind: 'overtaken', nowMs: this.#nowMs });
    this.#holder = holder;
    this.#heard({ kind: 'written', epoch, version, begunMs, nowMs: this.#nowMs });
  }

  #heard(event: LeaseEvent): void {
    const before = this.#state.kind === 'leading' ? this.#state.epoch : undefined;
    this.#state = leaseAfter(this.#state, event);
    const after = this.#state.kind === 'leading' ? this.#state.epoch : undefined;
    this.#planEnd();
    if (before !== after) this.#options.onChange(after);
  }

  /** A store that does not answer must not let a holder lead on. */
  #planEnd(): void {
    this.#cancelEnd();
    const { store, clock } = this.#options;
    if (this.#state.kind !== 'leading' || !store.isShared) return;
    const leftMs = this.#state.renewedMs + leaseTimes.heldMs - this.#nowMs;
    this.#cancelEnd = clock.after(Math.max(0, leftMs), () =>
      this.#heard({ kind: 'time', nowMs: this.#nowMs }),
    );
  }

  #reached(error: unknown): void {
    const isReached = error === undefined;
    if (isReached === this.#isReached) return;
    this.#isReached = isReached;
    const { log } = this.#options;
    if (isReached) log.info('the store is there again', {});
    else log.warn('the store is away; what is known here goes on', problemFields(error));
  }
}

function holderOf(lease: StoredLease | undefined): LeaseHolder | undefined {
  if (lease === undefined || lease.holder === '') return undefined;
  return JSON.parse(lease.holder) as LeaseHolder;
}

function seenLease(
  lease: StoredLease | undefined,
  holder: LeaseHolder | undefined,
): SeenLease | undefined {
  return lease && { epoch: lease.epoch, version: lease.version, holder: holder?.replica };
}
