import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Code, Finding } from '../../base/finding.ts';
import { err, type Result } from '../../base/result.ts';
import { gitFailed } from '../../git/findings.ts';
import type { TakenBack } from '../../git/take-back.ts';
import type { BranchState, Rollout } from '../../rollout/rollout.ts';
import type { TakeBackRequest } from '../intent-source.ts';

export interface BranchReturnOptions {
  readonly clock: Clock;
  readonly takeBack: (request: TakeBackRequest) => Promise<Result<TakenBack, Finding>>;
  /** Told once for each state that differs from the one before. */
  readonly onState: (commit: string, branch: BranchState) => void;
}

/** With pauses that grow to five minutes, about an hour: a remote that is away longer needs a person. */
const triesMax = 20;
const pauseFirstMs = 1_000;
const pauseLongestMs = 300_000;
/**
 * The intent was changed since, there is no key to sign with, or no branch: none of it goes away by waiting. Everything else
 * may: a remote that is away, or takes nothing now, a rebase, others who push.
 */
const lasting: readonly Code[] = ['CH5330', 'CH5334', 'CH5336'];

/**
 * Brings the branch back to what runs, by a commit, after a revision was taken back. The mesh is on the old one already:
 * whatever becomes of this never brings the bad one back.
 */
export class BranchReturn {
  readonly #options: BranchReturnOptions;
  #work: Work = { kind: 'idle' };

  constructor(options: BranchReturnOptions) {
    this.#options = options;
  }

  begin({ commit, base, state }: Rollout): void {
    if (state.kind !== 'taken-back' || state.branch.kind !== 'open') return;
    const request = { from: commit, to: base, reason: state.reason };
    void this.#try({ request, tries: 0, last: state.branch });
  }

  /** A newer revision says what is on the branch: what is under way is the last try. */
  overtake(): void {
    const work = this.#work;
    this.#work = { kind: 'idle' };
    if (work.kind !== 'waiting') return;
    work.cancel();
    this.#options.onState(work.commit, { kind: 'left', problem: work.problem });
  }

  /** The branch is not where it was at the last try: the next one comes now. */
  hurry(): void {
    const work = this.#work;
    if (work.kind !== 'waiting') return;
    work.cancel();
    work.again();
  }

  /** A try that was not told is made again after a restart. */
  stop(): void {
    if (this.#work.kind === 'waiting') this.#work.cancel();
    this.#work = { kind: 'stopped' };
  }

  async #try(attempt: Attempt): Promise<void> {
    const { takeBack, onState } = this.#options;
    const { request, tries, last } = attempt;
    this.#work = { kind: 'trying', attempt };
    const done = await takeBack(request).catch((error: unknown) =>
      err(gitFailed('taking back', messageOf(error))),
    );
    if (this.#isStopped()) return;
    const isNewest = this.#work.kind === 'trying' && this.#work.attempt === attempt;
    const isLast = !isNewest || tries + 1 >= triesMax;
    const next = done.ok ? settled(done.value) : failed(done.error, isLast);
    if (JSON.stringify(next) !== JSON.stringify(last)) onState(request.from, next);
    if (isNewest) this.#rest(attempt, next);
  }

  #isStopped(): boolean {
    return this.#work.kind === 'stopped';
  }

  #rest(attempt: Attempt, state: BranchState): void {
    this.#work = { kind: 'idle' };
    if (state.kind !== 'open' || state.problem === undefined) return;
    const { request, tries } = attempt;
    const again = (): void => void this.#try({ request, tries: tries + 1, last: state });
    const pauseMs = Math.min(pauseLongestMs, pauseFirstMs * 2 ** tries);
    const cancel = this.#options.clock.after(pauseMs, again);
    this.#work = { kind: 'waiting', commit: request.from, problem: state.problem, cancel, again };
  }
}

type Work =
  | { readonly kind: 'idle' | 'stopped' }
  | { readonly kind: 'trying'; readonly attempt: Attempt }
  | {
      readonly kind: 'waiting';
      readonly commit: string;
      readonly problem: Finding;
      readonly cancel: () => void;
      readonly again: () => void;
    };

interface Attempt {
  readonly request: TakeBackRequest;
  readonly tries: number;
  readonly last: BranchState;
}

function settled(done: TakenBack): BranchState {
  switch (done.kind) {
    case 'taken back':
      return { kind: 'written', commit: done.commit, filesLeft: done.workTree === 'left' };
    case 'nothing':
      return { kind: 'as before', commit: done.commit };
  }
}

function failed(problem: Finding, isLast: boolean): BranchState {
  return isLast || lasting.includes(problem.code)
    ? { kind: 'left', problem }
    : { kind: 'open', problem };
}
