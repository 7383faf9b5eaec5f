import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { WorkloadId } from '../compile/inventory.ts';
import type { Wave } from './waves.ts';

/**
 * Where a revision stands on its way to all proxies. `pushing`: the wave's proxies are taking it. `watching`: they have,
 * and are looked at. `halted`: nobody else gets it, whoever has it keeps it, until a person says. `live`: all have it.
 * `taken-back`: all have the one before again.
 */
export type RolloutState =
  | { readonly kind: 'pushing'; readonly wave: number; readonly sinceMs: number }
  | { readonly kind: 'watching'; readonly wave: number; readonly sinceMs: number }
  | {
      readonly kind: 'halted';
      readonly wave: number;
      readonly sinceMs: number;
      readonly by: string;
    }
  | { readonly kind: 'live'; readonly sinceMs: number }
  | {
      readonly kind: 'taken-back';
      readonly sinceMs: number;
      readonly reason: string;
      /** What was counted when it was found to hurt; left out where a person took it back, or nothing was. */
      readonly evidence?: readonly string[];
      readonly branch: BranchState;
    };

/**
 * Whether the branch follows what was taken back. `open`: a commit is to do so; `problem` is why the last try failed.
 * `written`: by this commit. `as before`: its newest commit had that intent already. `left`: a person must do it.
 */
export type BranchState =
  | { readonly kind: 'open'; readonly problem: Finding | undefined }
  | {
      readonly kind: 'written';
      readonly commit: string;
      /** Files that somebody had changed were left as they were. */
      readonly filesLeft: boolean;
    }
  | { readonly kind: 'as before'; readonly commit: string }
  | { readonly kind: 'left'; readonly problem: Finding };

export interface Rollout {
  readonly commit: string;
  readonly subject: string;
  /** What ran before, and runs again when this is taken back. */
  readonly base: string;
  readonly startedMs: number;
  /** Left out: until it started. Until then no proxy had anything of it, nor of what it took the place of. */
  readonly calmUntilMs?: number;
  /** All get it at once. */
  readonly urgent?: true;
  /** It is no other commit: this version of the control plane compiles it otherwise than the one before. */
  readonly compiledBy?: string;
  readonly waves: readonly Wave[];
  readonly state: RolloutState;
}

export type RolloutStep =
  /** Everybody of the wave has taken it. */
  | { readonly kind: 'taken' }
  /** The time to watch is over, and nobody does worse. */
  | { readonly kind: 'watched' }
  /** All of a service who had it are away: others of it are to have it instead, and those get it last. */
  | {
      readonly kind: 'instead';
      readonly away: readonly WorkloadId[];
      readonly proxies: readonly WorkloadId[];
    }
  | { readonly kind: 'hurts'; readonly reason: string; readonly evidence?: readonly string[] }
  | { readonly kind: 'halt'; readonly by: string }
  | { readonly kind: 'resume' }
  | { readonly kind: 'roll-back'; readonly by: string }
  /** What became of the branch after it was taken back. */
  | { readonly kind: 'branch'; readonly branch: BranchState };

/** The one place where a rollout moves. Errors: why this step cannot come now. */
export function advance(
  rollout: Rollout,
  step: RolloutStep,
  nowMs: number,
): Result<Rollout, string> {
  const { state, waves } = rollout;
  const to = (next: RolloutState): Result<Rollout, string> => ok({ ...rollout, state: next });
  const sinceMs = nowMs;
  switch (step.kind) {
    case 'taken':
      return state.kind === 'pushing'
        ? to({ kind: 'watching', wave: state.wave, sinceMs })
        : wrong(state, 'nothing is being pushed');
    case 'watched': {
      if (state.kind !== 'watching') return wrong(state, 'nothing is being watched');
      const wave = state.wave + 1;
      return to(
        wave < waves.length ? { kind: 'pushing', wave, sinceMs } : { kind: 'live', sinceMs },
      );
    }
    case 'instead':
      return state.kind === 'watching'
        ? ok(exchanged(rollout, { wave: state.wave, sinceMs }, step))
        : wrong(state, 'nothing is being watched');
    case 'hurts':
      return isUnderWay(state) || state.kind === 'live'
        ? to(takenBack(rollout, step.reason, sinceMs, step.evidence))
        : wrong(state, 'it is not under way');
    case 'halt':
      return isUnderWay(state)
        ? to({ kind: 'halted', wave: state.wave, sinceMs, by: step.by })
        : wrong(state, 'it is not under way');
    case 'resume':
      return state.kind === 'halted'
        ? to({ kind: 'pushing', wave: state.wave, sinceMs })
        : wrong(state, 'only what is halted goes on');
    case 'roll-back':
      return state.kind === 'taken-back'
        ? wrong(state, 'it was taken back already')
        : to(takenBack(rollout, `taken back by ${step.by}`, sinceMs));
    case 'branch':
      return state.kind === 'taken-back'
        ? to({ ...state, branch: step.branch })
        : wrong(state, 'it was not taken back');
  }
}

/** Waves without anybody are left out. */
function exchanged(
  rollout: Rollout,
  now: { readonly wave: number; readonly sinceMs: number },
  { away, proxies }: RolloutStep & { readonly kind: 'instead' },
): Rollout {
  const moved = new Set([...away, ...proxies]);
  const last = rollout.waves.length - 1;
  const waves = rollout.waves.map((wave, index) => [
    ...wave.filter((one) => !moved.has(one)),
    ...(index === now.wave ? proxies : []),
    ...(index === last ? away : []),
  ]);
  const isThere = (wave: Wave): boolean => wave.length > 0;
  const wave = waves.slice(0, now.wave).filter(isThere).length;
  return { ...rollout, waves: waves.filter(isThere), state: { kind: 'pushing', ...now, wave } };
}

function takenBack(
  { commit, compiledBy }: Rollout,
  reason: string,
  sinceMs: number,
  evidence: readonly string[] | undefined = undefined,
): RolloutState {
  // The commit itself goes on, and so does the branch.
  const branch: BranchState =
    compiledBy === undefined ? { kind: 'open', problem: undefined } : { kind: 'as before', commit };
  return {
    ...{ kind: 'taken-back', sinceMs, reason, branch },
    ...(evidence === undefined ? {} : { evidence }),
  };
}

const stateKinds = {
  ...{ pushing: true, watching: true, halted: true, live: true, 'taken-back': true },
} as const satisfies Readonly<Record<RolloutState['kind'], true>>;

/** Of this version: a store may hold one of a later version, too. */
export function isRolloutState({ kind }: { readonly kind: string }): boolean {
  return Object.hasOwn(stateKinds, kind);
}

export function isUnderWay(
  state: RolloutState,
): state is RolloutState & { readonly kind: 'pushing' | 'watching' } {
  return state.kind === 'pushing' || state.kind === 'watching';
}

/** Who has the new revision now; everybody else has the one before. */
export function reached({ state, waves }: Rollout): ReadonlySet<WorkloadId> {
  switch (state.kind) {
    case 'pushing':
    case 'watching':
    case 'halted':
      return new Set(waves.slice(0, state.wave + 1).flat());
    case 'live':
      return new Set(waves.flat());
    case 'taken-back':
      return new Set();
  }
}

/** The wall clock jumped: the same moments by the clock as it is now. */
export function moved(rollout: Rollout, byMs: number): Rollout {
  const { startedMs, calmUntilMs, state } = rollout;
  return {
    ...rollout,
    startedMs: startedMs + byMs,
    ...(calmUntilMs === undefined ? {} : { calmUntilMs: calmUntilMs + byMs }),
    state: { ...state, sinceMs: state.sinceMs + byMs },
  };
}

/** Somebody else leads it from now on, by a clock that may be behind: nothing of it is later than now. */
export function takenOver(rollout: Rollout, nowMs: number): Rollout {
  const { startedMs, calmUntilMs, state } = rollout;
  return {
    ...rollout,
    startedMs: Math.min(startedMs, nowMs),
    ...(calmUntilMs === undefined ? {} : { calmUntilMs: Math.min(calmUntilMs, nowMs) }),
    state: { ...state, sinceMs: nowMs },
  };
}

/** What its proxies counted until then is what they are held against. */
export function calmUntil({ calmUntilMs, startedMs }: Rollout): number {
  return calmUntilMs ?? startedMs;
}

/** All that it touches have it, whether or not they are looked at yet; of an urgent one, or are about to. */
export function isEverywhere({ state, waves, urgent }: Rollout): boolean {
  if (state.kind === 'live') return true;
  if (!isUnderWay(state) || state.wave < waves.length - 1) return false;
  return state.kind === 'watching' || urgent === true;
}

function wrong({ kind }: RolloutState, why: string): Result<never, string> {
  return err(`${why}: the revision is ${kind}`);
}
