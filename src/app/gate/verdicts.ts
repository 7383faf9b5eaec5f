import type { Clock } from '../../base/clock.ts';
import { type Log, problemFields } from '../../base/log.ts';
import type { CommitVerdict } from '../../serve/api/wire-gate.ts';
import type { Store } from '../../store/store.ts';

const verdictKind = 'verdict';
/** For `chancery revision list` and for whoever waits; the ledger keeps what became of each commit for good. */
const verdictsMax = 500;
/** Enough of an id that two commits of a mesh's intent do not share it. */
const prefixCharactersMin = 6;

/** What became of each commit: in memory to be asked, and in the store to outlive the process. */
export class Verdicts {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Oldest first. */
  readonly #known = new Map<string, CommitVerdict>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(parts: { readonly store: Store; readonly clock: Clock; readonly log: Log }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  static async open(parts: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Log;
  }): Promise<Verdicts> {
    const verdicts = new Verdicts(parts);
    const stored = (await parts.store.list(verdictKind)).map(
      ({ value }) => JSON.parse(Buffer.from(value).toString('utf8')) as CommitVerdict,
    );
    for (const one of stored.sort((a, b) => a.seenMs - b.seenMs))
      verdicts.#known.set(one.commit, one);
    return verdicts;
  }

  /** Newest first. */
  get all(): readonly CommitVerdict[] {
    return [...this.#known.values()].reverse();
  }

  get(commit: string): CommitVerdict | undefined {
    return this.#known.get(commit);
  }

  /** By a whole id or by the beginning of one; the newest that fits. */
  find(text: string): CommitVerdict | undefined {
    const exact = this.#known.get(text);
    if (exact !== undefined || text.length < prefixCharactersMin) return exact;
    return this.all.find(({ commit }) => commit.startsWith(text));
  }

  /** The commit that ran last, as far as it is known; what a control plane comes back with. */
  get lastAccepted(): CommitVerdict | undefined {
    const accepted = this.all.filter(({ verdict }) => verdict.kind === 'accepted');
    return accepted.sort((a, b) => decidedMs(b) - decidedMs(a))[0];
  }

  /** Kept in memory at once; a verdict that ends a check is also written, and goes to the ledger. */
  set(next: CommitVerdict): void {
    // A commit that comes again is the newest again.
    if (this.#known.get(next.commit)?.seenMs !== next.seenMs) this.#known.delete(next.commit);
    this.#known.set(next.commit, next);
    if (next.verdict.kind === 'checking') return;
    const { commit, subject, verdict } = next;
    const facts = { subject, verdict: verdict.kind, ...reasonOf(next) };
    this.#store.record({ atMs: this.#clock.nowMs(), kind: verdictKind, subject: commit, facts });
    this.#write(commit);
  }

  live(commit: string): void {
    const known = this.#known.get(commit);
    if (known === undefined) return;
    this.#known.set(commit, { ...known, liveMs: this.#clock.nowMs() });
    this.#write(commit);
  }

  /** Resolves when everything so far is written. */
  flushed(): Promise<void> {
    return this.#writing;
  }

  #write(commit: string): void {
    this.#writing = this.#writing
      .then(() => this.#save(commit))
      .catch((error: unknown) =>
        this.#log.error('the store did not take a verdict', { commit, ...problemFields(error) }),
      );
  }

  async #save(commit: string): Promise<void> {
    const known = this.#known.get(commit);
    if (known !== undefined) {
      const bytes = Buffer.from(JSON.stringify(known));
      await this.#store.put(verdictKind, commit, bytes, undefined);
    }
    for (const old of [...this.#known.keys()].slice(0, -verdictsMax)) {
      this.#known.delete(old);
      await this.#store.remove(verdictKind, old);
    }
  }
}

function decidedMs({ verdict, seenMs }: CommitVerdict): number {
  return verdict.kind === 'checking' ? seenMs : verdict.atMs;
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
