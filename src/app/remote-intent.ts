import { type Clock, sleep } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import { findingFields, type Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { err, type Result } from '../base/result.ts';
import { type Carried, carried } from '../git/carried.ts';
import { type CommitId, parseCommitId } from '../git/commit.ts';
import { commitStanding } from '../git/commit-standing.ts';
import { commitUnreadable } from '../git/findings.ts';
import type { Mirror } from '../git/mirror.ts';
import { mirrorBranch } from '../git/mirror-branch.ts';
import { historyRewound, signingKeyMissing } from '../git/remote-findings.ts';
import { checkSignatures } from '../git/signatures.ts';
import { type TakenBack, takeBack } from '../git/take-back.ts';
import type { CommitPlace } from '../serve/api/wire-gate.ts';
import { carriedAnswers } from './carried-answers.ts';
import {
  type IntentSource,
  type IntentTree,
  type Signing,
  type TakeBackRequest,
  type TreeReading,
  takeBackOrder,
} from './intent-source.ts';
import type { Noticed } from './tracing/arrival.ts';

export interface RemoteIntentOptions extends Signing {
  readonly mirror: Mirror;
  readonly pollMs: number;
  /** Takes a head that does not contain the accepted commit. */
  readonly allowRewind: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A remote that fails is asked less and less often, up to this: it is heard of within minutes when it is back. */
const backOffMsMax = 300_000;
/** Pollers that were started together must not ask together. */
const jitterShare = 0.2;
/** Webhooks that come in a row are one fetch. */
const fetchGapMs = 250;

/** Whoever asks a replica that follows is not kept longer by a remote that does not answer. */
const keepUpMs = 3_000;

/** Why it is asked now. */
interface Cause {
  readonly by: 'poll' | 'webhook';
  /** The trace that the webhook is part of, as its header has it. */
  readonly traceparent?: string | undefined;
}

/**
 * Intent of a repository elsewhere. What was accepted is in the mirror, so that a restart needs no remote; what the remote
 * shows comes in only when it stands on that, and is signed where that is asked for.
 */
export class RemoteIntent implements IntentSource {
  readonly #options: RemoteIntentOptions;
  readonly #carried: ReturnType<typeof carriedAnswers>;
  #onChange = (_noticed: Noticed): void => {};
  #cause: Cause = { by: 'poll' };
  #problem: Finding | undefined;
  #failures = 0;
  #nextMs = 0;
  #fetching: Promise<void> | undefined;
  #again = false;
  #lastMs = Number.NEGATIVE_INFINITY;
  #seen: CommitId | undefined;
  #accepted: CommitId | undefined;
  /** The head that was refused for not standing on what was accepted. */
  #rewound: CommitId | undefined;
  #approved: CommitId | undefined;
  #resumed = false;
  #isWatched = false;
  #cancel = (): void => {};

  constructor(options: RemoteIntentOptions) {
    this.#options = options;
    const { host, dir, prefix } = options.mirror;
    const source = { host, gitDir: dir, prefix };
    this.#carried = carriedAnswers((commit, newer) => carried(source, commit, newer));
  }

  get findings(): readonly Finding[] {
    const problem = this.#problem;
    if (problem === undefined) return [];
    const next = `it is asked again at ${new Date(this.#nextMs).toISOString()}`;
    return [{ ...problem, notes: [...(problem.notes ?? []), next] }];
  }

  /** First what was accepted before a restart, without waiting for anybody; then what the branch holds. */
  async read(): Promise<TreeReading> {
    const { mirror } = this.#options;
    if (!this.#resumed) {
      this.#resumed = true;
      const accepted = await mirror.accepted();
      if (!accepted.ok) return unreadable('HEAD', [accepted.error]);
      if (accepted.value !== undefined) return this.#readAt(accepted.value);
    }
    if (this.#seen === undefined) await this.refresh();
    if (this.#seen !== undefined) return this.#judge(this.#seen);
    return unreadable('HEAD', this.findings);
  }

  async at(commit: string): Promise<IntentTree | undefined> {
    const reading = await this.#readAt(commit);
    return reading.kind === 'tree' ? reading.tree : undefined;
  }

  async place(commit: string): Promise<CommitPlace> {
    await this.keepUp();
    const { mirror, pollMs } = this.#options;
    const branch = mirror.branch ?? 'HEAD';
    const follows = `${branch} of ${mirror.url} (asked every ${pollMs / 1_000} s)`;
    const head = this.#seen;
    if (head === undefined) return { follows, standing: 'unknown', head };
    const found = await commitStanding(mirror, commit, head);
    // A fetch brings commits before it moves the branch.
    const isSettled = this.#fetching === undefined && this.#seen === head;
    const standing = found.ok && isSettled ? found.value : 'unknown';
    return { follows, standing, head };
  }

  async carried(commit: string, newer: string): Promise<Carried | undefined> {
    const known = await this.#carried(commit, newer);
    if (known !== undefined || this.#isWatched) return known;
    await this.keepUp();
    return this.#carried(commit, newer);
  }

  async keepUp(): Promise<void> {
    const { clock } = this.#options;
    if (this.#isWatched || clock.monotonicMs() - this.#lastMs < this.#restMs) return;
    await Promise.race([this.refresh(), sleep(clock, keepUpMs)]);
  }

  async #readAt(commit: string): Promise<TreeReading> {
    const { mirror } = this.#options;
    const id = parseCommitId(commit);
    if (id === undefined) return unreadable(commit, [commitUnreadable(commit, 'no commit id')]);
    const found = await mirror.commit(id);
    if (!found.ok) return unreadable(commit, [found.error]);
    const { subject, trailers } = found.value;
    const files = await mirror.readTree(id);
    if (!files.ok) return { kind: 'unreadable', commit, subject, findings: files.error };
    return { kind: 'tree', tree: { commit, subject, files: files.value, trailers } };
  }

  watch(onChange: (noticed: Noticed) => void): () => void {
    this.#isWatched = true;
    this.#onChange = onChange;
    void this.refresh();
    return () => {
      this.#isWatched = false;
      this.#problem = undefined;
      this.#onChange = () => {};
      this.#cancel();
    };
  }

  stand(commit: string): void {
    this.#accepted = parseCommitId(commit) ?? this.#accepted;
    this.#resumed = true;
    this.#seen = undefined;
  }

  async accepted(commit: string): Promise<void> {
    const { mirror, log } = this.#options;
    const id = parseCommitId(commit);
    if (id === undefined) return;
    // What is read before it is on disk must stand on it as well.
    this.#accepted = id;
    // It is in the store; this mirror gets it with the next fetch.
    if (!(await mirror.commit(id)).ok) return;
    const problem = await mirror.accept(id);
    if (problem === undefined) return;
    const fields = findingFields(problem);
    log.error('the accepted commit could not be written down', { commit, ...fields });
  }

  /** Holds for this very commit, and until it was accepted: from then on later ones must stand on it. */
  async approve(commit: string, by: string): Promise<TreeReading | undefined> {
    const head = this.#rewound;
    if (head === undefined || head !== commit) return undefined;
    this.#approved = head;
    this.#options.log.info('the branch may be rewound', { commit, by });
    return this.#judge(head);
  }

  async takeBack(request: TakeBackRequest): Promise<Result<TakenBack, Finding>> {
    const { mirror, signers, signingKey } = this.#options;
    const order = takeBackOrder(request);
    if (!order.ok) return order;
    if (signers !== undefined && signingKey === undefined) return err(signingKeyMissing());
    const done = await takeBack(mirrorBranch(mirror, signingKey), order.value);
    void this.refresh();
    return done;
  }

  pushed(traceparent: string | undefined): void {
    void this.refresh({ by: 'webhook', traceparent });
  }

  /** Fetches now. One that is under way may have been too early, so another follows it; more than that are joined. */
  refresh(cause: Cause = { by: 'poll' }): Promise<void> {
    this.#cause = cause;
    if (this.#fetching !== undefined) {
      this.#again = true;
      return this.#fetching;
    }
    this.#cancel();
    this.#fetching = this.#fetchAll().finally(() => {
      this.#fetching = undefined;
      this.#schedule();
    });
    return this.#fetching;
  }

  async #fetchAll(): Promise<void> {
    const { clock } = this.#options;
    do {
      this.#again = false;
      const restMs = this.#lastMs + fetchGapMs - clock.monotonicMs();
      if (restMs > 0) await new Promise<void>((resolve) => clock.after(restMs, resolve));
      this.#lastMs = clock.monotonicMs();
      const { by, traceparent } = this.#cause;
      const startMs = clock.nowMs();
      const fetched = await this.#options.mirror.fetch();
      const span = { startMs, endMs: clock.nowMs() };
      this.#take(fetched, { by, atMs: startMs, fetched: span, traceparent });
    } while (this.#again);
  }

  #take(fetched: Result<CommitId, Finding>, noticed: Noticed): void {
    if (!fetched.ok) {
      this.#fail(fetched.error);
      return;
    }
    if (this.#problem !== undefined) {
      this.#options.log.info('the repository is there again', { url: this.#options.mirror.url });
    }
    this.#problem = undefined;
    this.#failures = 0;
    if (fetched.value === this.#seen) return;
    this.#seen = fetched.value;
    this.#onChange(noticed);
  }

  #fail(problem: Finding): void {
    this.#failures += 1;
    // Whoever leads tells of the remote.
    if (!this.#isWatched) return;
    const isNew = JSON.stringify(this.#problem) !== JSON.stringify(problem);
    this.#problem = problem;
    if (!isNew) return;
    this.#options.log.warn('intent cannot be fetched', findingFields(problem));
  }

  #schedule(): void {
    if (!this.#isWatched) return;
    const { clock, random } = this.#options;
    const shareOf = 1 + jitterShare * (random.fraction() - 0.5);
    const restMs = this.#restMs * shareOf;
    this.#nextMs = clock.nowMs() + restMs;
    this.#cancel = clock.after(restMs, () => void this.refresh());
  }

  get #restMs(): number {
    const { pollMs } = this.#options;
    return Math.max(pollMs, Math.min(backOffMsMax, pollMs * 2 ** this.#failures));
  }

  /** What was accepted is asked afresh: between two looks another commit may have been. */
  async #judge(head: CommitId): Promise<TreeReading> {
    const { mirror, signers, allowRewind } = this.#options;
    const accepted = await mirror.accepted();
    if (!accepted.ok) return unreadable(head, [accepted.error]);
    const before = this.#accepted ?? accepted.value;
    const reading = await this.#readAt(head);
    const subject = reading.kind === 'tree' ? reading.tree.subject : reading.subject;
    const refuse = (findings: readonly Finding[]): TreeReading =>
      unreadable(head, findings, subject);
    if (before !== undefined && !allowRewind && this.#approved !== head) {
      const stands = await mirror.standsOn(head, before);
      if (!stands.ok) {
        // The remote may answer the next time.
        this.#seen = undefined;
        return refuse([stands.error]);
      }
      // Said at once with the answer: who approves it meanwhile must find the one before, or this one.
      this.#rewound = stands.value ? undefined : head;
      if (!stands.value) return refuse([historyRewound(before, head)]);
    }
    if (signers !== undefined) {
      const findings = await checkSignatures(mirror, signers, { head, accepted: before });
      if (findings.length > 0) return refuse(findings);
    }
    return reading;
  }
}

function unreadable(commit: string, findings: readonly Finding[], subject = ''): TreeReading {
  return { kind: 'unreadable', commit, subject, findings };
}
