import type { CaLifetimes } from '../model/types.ts';
import type { CaGeneration } from './ca-generation.ts';
import { type CaState, leaving, nextStep, type Rotation } from './rotation.ts';

/** What a new generation is made of: a root of ours and all below it, all below our root, or all below the company's. */
export type GenerationKind = 'root' | 'intermediate' | 'upstream';

export type DueStep = { readonly by: string } & (
  | { readonly step: 'prepare'; readonly what: GenerationKind }
  | {
      readonly step: 'activate' | 'taint' | 'revoke' | 'abandon';
      /** Go on whoever is cut off: waiting longer cuts off everybody. */
      readonly force: boolean;
    }
);

export interface Schedule {
  readonly nowMs: number;
  readonly lifetimes: CaLifetimes;
  /** Roots of the company's CA that is plugged in; empty when it cannot be asked now; undefined: none is plugged in. */
  readonly upstreamRoots: readonly Uint8Array[] | undefined;
}

/** Half of a life; what remains is for hosts that are away for long. */
const prepareAtFraction = 1 / 2;
/** From here on a rotation that a person began and left moves by itself. */
const takeOverFraction = 1 / 6;
/** From here on it does not wait for hosts: they were away for a third of the life, and all others would follow them. */
const pressingFraction = 1 / 12;

/** The step that the schedule, or a rotation under way, wants now. */
export function dueStep(state: CaState, schedule: Schedule): DueStep | undefined {
  const { rotation } = state;
  return rotation.kind === 'none'
    ? duePrepare(state.active, schedule)
    : dueNext(state, rotation, schedule.nowMs);
}

function dueNext(
  state: CaState,
  rotation: Exclude<Rotation, { kind: 'none' }>,
  nowMs: number,
): DueStep | undefined {
  const { active, driven } = state;
  if (rotation.kind === 'prepared' && hasEnded(rotation.next, nowMs)) {
    return { step: 'abandon', force: true, by: 'the schedule: what was prepared has ended' };
  }
  const step = nextStep(rotation);
  if (step === undefined) return undefined;
  if (leftFraction(active, nowMs) < pressingFraction) {
    return { step, force: true, by: 'the schedule: what signs now ends' };
  }
  const isAuto =
    driven === 'auto' ||
    hasEnded(leaving(state, rotation), nowMs) ||
    leftFraction(active, nowMs) < takeOverFraction;
  const by = driven === 'auto' ? 'the rotation' : 'the schedule';
  return isAuto ? { step, force: false, by } : undefined;
}

function duePrepare(active: CaGeneration, schedule: Schedule): DueStep | undefined {
  const { nowMs, upstreamRoots } = schedule;
  // The clock is behind, or was ahead when the CA was made: a person must say which.
  if (nowMs < active.intermediate.notBeforeMs) return undefined;
  const by = 'the schedule';
  const isOver = leftFraction(active, nowMs) <= prepareAtFraction;
  if (upstreamRoots !== undefined) {
    const isForeign = !upstreamRoots.some((root) => Buffer.from(root).equals(active.rootDer));
    const isDue = upstreamRoots.length > 0 && (isOver || isForeign);
    return isDue ? { step: 'prepare', what: 'upstream', by } : undefined;
  }
  if (active.rootKey === undefined) return undefined;
  const what = rootIsDue(active, schedule) ? 'root' : 'intermediate';
  return isOver ? { step: 'prepare', what, by } : undefined;
}

/** At half of its life, or when it would cut the next intermediate short: halving what is left for ever is no rotation. */
function rootIsDue(active: CaGeneration, { nowMs, lifetimes }: Schedule): boolean {
  const { rootNotBeforeMs, rootNotAfterMs } = active;
  const leftMs = rootNotAfterMs - nowMs;
  return (
    leftMs <= (rootNotAfterMs - rootNotBeforeMs) * prepareAtFraction ||
    leftMs < lifetimes.intermediateTtlSeconds * 1_000
  );
}

/** Of the time in which it is ours; 0 when it has ended. */
function leftFraction({ createdMs, intermediate }: CaGeneration, nowMs: number): number {
  const leftMs = Math.max(0, intermediate.notAfterMs - nowMs);
  return leftMs / Math.max(1, intermediate.notAfterMs - createdMs);
}

export function hasEnded(generation: CaGeneration, nowMs: number): boolean {
  return generation.intermediate.notAfterMs <= nowMs;
}
