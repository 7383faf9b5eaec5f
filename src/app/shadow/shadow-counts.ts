import type { Clock } from '../../base/clock.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { ShadowCounts } from '../../policy/shadow.ts';
import { ShadowTally } from '../../policy/shadow-tally.ts';
import type { Store } from '../../store/store.ts';
import type { Followed } from '../replicas/feed.ts';

export const shadowCountKind = 'shadow-count';
/** Differences that are told apart, in the whole mesh. */
const rowsMax = 1_000;
/** How much of it a crash may cost, and how late other control planes show it. */
const keepMs = 3_000;
/** As many as may watch. */
const hostsMax = 20_000;

interface ShadowCountsParts {
  readonly store: Pick<Store, 'put' | 'list' | 'remove'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The name of this control plane, the same after a restart. */
  readonly replica: string;
}

interface StoredCounts {
  /** Which shadow it is of. */
  readonly shadow: string;
  readonly counts: ShadowCounts;
  readonly hosts: readonly string[];
}

/** What hosts told of one shadow: to this control plane, and to the others by what they wrote. */
export class ShadowCountsLog {
  readonly #parts: ShadowCountsParts;
  readonly #own = new ShadowTally(rowsMax);
  readonly #hosts = new Set<string>();
  readonly #elsewhere = new Map<string, StoredCounts>();
  #shadow = '';
  #due: (() => void) | undefined;
  #keeping: Promise<void> = Promise.resolve();

  constructor(parts: ShadowCountsParts) {
    this.#parts = parts;
  }

  /** From now on of this one; what was told of it before a restart counts. */
  async begin(shadow: string): Promise<void> {
    if (this.#shadow === shadow) return;
    this.#shadow = shadow;
    this.#own.clear();
    this.#hosts.clear();
    const stored = await this.#parts.store.list(shadowCountKind);
    if (this.#shadow !== shadow) return;
    for (const { id, value } of stored) this.#hear(id, value);
  }

  /** Of those before, which nobody asks for any more. */
  async forgetOthers(): Promise<void> {
    const { store } = this.#parts;
    for (const { id, value } of await store.list(shadowCountKind)) {
      if (parse(value).shadow !== this.#shadow) await store.remove(shadowCountKind, id);
    }
  }

  /** What other control planes wrote. */
  hear(changes: readonly Followed[]): void {
    for (const { id, document } of changes) {
      if (id === this.#parts.replica) continue;
      if (document === undefined) this.#elsewhere.delete(id);
      else this.#hear(id, document.value);
    }
  }

  take(host: string, counts: ShadowCounts): void {
    this.#own.add(counts);
    const isNew = !this.#hosts.has(host) && this.#hosts.size < hostsMax;
    if (isNew) this.#hosts.add(host);
    const { compared, missed } = counts.totals;
    if (!isNew && compared + missed === 0) return;
    this.#due ??= this.#parts.clock.after(keepMs, () => void this.flushed());
  }

  /** Of all control planes. */
  get together(): { readonly counts: ShadowCounts; readonly hosts: number } {
    const all = new ShadowTally(rowsMax);
    all.add(this.#own.counts);
    const hosts = new Set(this.#hosts);
    for (const told of this.#elsewhere.values()) {
      if (told.shadow !== this.#shadow) continue;
      all.add(told.counts);
      for (const host of told.hosts) hosts.add(host);
    }
    return { counts: all.counts, hosts: hosts.size };
  }

  /** Resolves when what was told is in the store. */
  async flushed(): Promise<void> {
    const isDue = this.#due !== undefined;
    this.#due?.();
    this.#due = undefined;
    if (isDue) this.#keeping = this.#keeping.then(() => this.#keep());
    await this.#keeping;
  }

  async #keep(): Promise<void> {
    const { store, clock, log, replica } = this.#parts;
    const value: StoredCounts = {
      ...{ shadow: this.#shadow, counts: this.#own.counts, hosts: [...this.#hosts] },
    };
    try {
      await store.put(shadowCountKind, replica, Buffer.from(JSON.stringify(value)), undefined);
    } catch (error) {
      log.error('the store did not take what a shadow found', problemFields(error));
      this.#due ??= clock.after(keepMs, () => void this.flushed());
    }
  }

  #hear(id: string, value: Uint8Array): void {
    const told = parse(value);
    if (id !== this.#parts.replica) {
      this.#elsewhere.set(id, told);
      return;
    }
    if (told.shadow !== this.#shadow) return;
    this.#own.add(told.counts);
    for (const host of told.hosts) this.#hosts.add(host);
  }
}

function parse(value: Uint8Array): StoredCounts {
  return JSON.parse(Buffer.from(value).toString('utf8')) as StoredCounts;
}
