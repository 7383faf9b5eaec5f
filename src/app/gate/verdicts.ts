import type { Clock } from '../../base/clock.ts';
import { ChanceryError } from '../../base/error.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { CommitVerdict } from '../../serve/api/wire-gate.ts';
import type { StoredDocument } from '../../store/store.ts';
import type { Followed } from '../replicas/feed.ts';
import type { FencedStore } from '../replicas/fenced-store.ts';

export const verdictKind = 'verdict';
/** For `chancery revision list` and for whoever waits; the ledger keeps what became of each commit for good. */
const verdictsMax = 500;
const retryMs = 1_000;
/** Enough of an id that two commits of a mesh's intent do not share it. */
const prefixCharactersMin = 6;

/** As it lies in the store. */
interface StoredVerdict extends CommitVerdict {
  /** Counts the commits as they come, for a clock may be set back; left out by a control plane of before. */
  readonly order?: number;
}

interface Known {
  readonly one: CommitVerdict;
  readonly order: number;
}

/** What became of each commit: in memory to be asked, and in the store to outlive the process. */
export class Verdicts {
  readonly #store: FencedStore;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Oldest first. */
  #known = new Map<string, Known>();
  #lastOrder = 0;
  readonly #unwritten = new Set<string>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(parts: {
    readonly store: FencedStore;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  static async open(parts: {
    readonly store: FencedStore;
    readonly clock: Clock;
    readonly log: Log;
  }): Promise<Verdicts> {
    const verdicts = new Verdicts(parts);
    verdicts.#put((await parts.store.list(verdictKind)).map(verdictOf));
    return verdicts;
  }

  /** What the leader wrote. */
  take(changes: readonly Followed[]): void {
    for (const { id, document } of changes) if (document === undefined) this.#known.delete(id);
    this.#put(
      changes.flatMap(({ document }) => (document === undefined ? [] : verdictOf(document))),
    );
  }

  #put(stored: readonly StoredVerdict[]): void {
    for (const { order, ...one } of stored.toSorted((a, b) => a.seenMs - b.seenMs)) {
      this.#keepKnown(one, order);
    }
    this.#known = new Map([...this.#known].sort(([, a], [, b]) => a.order - b.order));
  }

  /** A commit that comes again is the newest again, unless the store knows better. */
  #keepKnown(one: CommitVerdict, stored = 0): void {
    const before = this.#known.get(one.commit);
    let order = before?.order ?? 0;
    if (before?.one.seenMs !== one.seenMs) {
      this.#known.delete(one.commit);
      this.#lastOrder += 1;
      order = this.#lastOrder;
    }
    this.#known.set(one.commit, { one, order: stored || order });
    this.#lastOrder = Math.max(this.#lastOrder, stored);
  }

  /** Newest first. */
  get all(): readonly CommitVerdict[] {
    return [...this.#known.values()].map(({ one }) => one).reverse();
  }

  get(commit: string): CommitVerdict | undefined {
    return this.#known.get(commit)?.one;
  }

  /** By a whole id or by the beginning of one; the newest that fits. */
  find(text: string): CommitVerdict | undefined {
    const exact = this.get(text);
    if (exact !== undefined || text.length < prefixCharactersMin) return exact;
    return this.all.find(({ commit }) => commit.startsWith(text));
  }

  /** Accepted, and seen after that one; none where that one is not known. */
  acceptedSince(commit: string): readonly CommitVerdict[] {
    const { all } = this;
    const at = all.findIndex((one) => one.commit === commit);
    return all.slice(0, Math.max(0, at)).filter(({ verdict }) => verdict.kind === 'accepted');
  }

  /** The newest commit, where it was refused. */
  get refused(): CommitVerdict | undefined {
    const [newest] = this.all;
    return newest?.verdict.kind === 'refused' ? newest : undefined;
  }

  /** The commit that only waits for somebody to approve it. */
  get waiting(): CommitVerdict | undefined {
    return this.all.find(({ verdict }) => verdict.kind === 'waiting');
  }

  /** Kept in memory at once; a verdict that ends a check is also written, and goes to the ledger. */
  set(next: CommitVerdict): void {
    this.#keepKnown(next);
    if (next.verdict.kind === 'checking') return;
    const { commit, subject, verdict } = next;
    const facts = { subject, verdict: verdict.kind, ...reasonOf(next) };
    this.#store.record({ atMs: this.#clock.nowMs(), kind: verdictKind, subject: commit, facts });
    this.#write(commit);
  }

  live(commit: string): void {
    const known = this.#known.get(commit);
    if (known === undefined) return;
    const one = { ...known.one, liveMs: this.#clock.nowMs() };
    this.#known.set(commit, { ...known, one });
    this.#write(commit);
  }

  /** It is another one's to judge now. */
  leave(commit: string): void {
    if (this.get(commit)?.verdict.kind === 'checking') this.#known.delete(commit);
  }

  /** Nothing became of it. */
  forget(commit: string): void {
    this.#known.delete(commit);
    this.#write(commit);
  }

  /** Resolves when everything so far is written. */
  flushed(): Promise<void> {
    return this.#writing;
  }

  /** What the store does not take now is written when it does: the other replicas know of it from there only. */
  #write(commit: string): void {
    this.#writing = this.#writing
      .then(() => this.#save(commit))
      .catch((error: unknown) => {
        this.#log.error('the store did not take a verdict', { commit, ...problemFields(error) });
        // Another replica leads, and judges what is to be judged.
        const isOver = error instanceof ChanceryError && error.code === 'CH5450';
        if (!isOver) return this.#writeLater(commit);
        return this.#reread(commit).catch(() => this.#writeLater(commit));
      });
  }

  /** What was not written when another one began to lead is not what became of the commit. */
  async #reread(commit: string): Promise<void> {
    const stored = await this.#store.get(verdictKind, commit);
    if (stored === undefined) this.#known.delete(commit);
    else this.#put([verdictOf(stored)]);
  }

  #writeLater(commit: string): void {
    this.#unwritten.add(commit);
    if (this.#unwritten.size > 1) return;
    this.#clock.after(retryMs, () => {
      const commits = [...this.#unwritten];
      this.#unwritten.clear();
      for (const one of commits) this.#write(one);
    });
  }

  async #save(commit: string): Promise<void> {
    const known = this.#known.get(commit);
    if (known === undefined) {
      await this.#store.remove(verdictKind, commit);
    } else if (known.one.verdict.kind !== 'checking') {
      const stored: StoredVerdict = { ...known.one, order: known.order };
      const bytes = Buffer.from(JSON.stringify(stored));
      await this.#store.put(verdictKind, commit, bytes, undefined);
    }
    for (const old of [...this.#known.keys()].slice(0, -verdictsMax)) {
      this.#known.delete(old);
      await this.#store.remove(verdictKind, old);
    }
  }
}

function verdictOf({ value }: StoredDocument): StoredVerdict {
  return JSON.parse(Buffer.from(value).toString('utf8')) as StoredVerdict;
}

function reasonOf({ verdict }: CommitVerdict): Record<string, string> {
  switch (verdict.kind) {
    case 'refused':
    case 'waiting':
      return { codes: [...new Set(verdict.findings.map(({ code }) => code))].join(',') };
    case 'superseded':
      return { by: verdict.by };
    case 'accepted':
      return verdict.approvedBy === undefined ? {} : { approvedBy: verdict.approvedBy };
    case 'checking':
      return {};
  }
}
