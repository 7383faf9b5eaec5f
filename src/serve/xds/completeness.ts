import { type TypeUrl, typeUrls } from '../../compile/resource.ts';
import { optional, presentOf, type StreamView } from './sequencer.ts';

/**
 * A proxy asks for what its clusters and listeners name within a moment; one that took all it asked for and still
 * lacks some has lost a subscription, and only a new stream brings it back (envoy#36951).
 */
const incompleteMs = 30_000;
/** A proxy that a new stream does not help is not reconnected all the time. */
const incompleteMaxMs = 600_000;

/** How long to wait for the missing subscriptions after so many streams that were ended for them. */
export function patienceMs(resets: number): number {
  return Math.min(incompleteMs * 2 ** resets, incompleteMaxMs);
}

/**
 * The types of which the peer did not ask for all it is to have, although it took what it asked for. Undefined while
 * something is under way: it cannot be told. Empty where something was refused: what belongs to that is never asked for.
 */
export function unsubscribedTypes(view: StreamView): readonly TypeUrl[] | undefined {
  // A stream without clusters is no aggregated one.
  if (!view.types.has(typeUrls.cluster)) return [];
  const states = [...view.types];
  if (states.some(([, state]) => state.waitingSinceMs !== undefined)) return undefined;
  for (const [type, state] of states) {
    const present = presentOf(view.snapshot, type);
    if (state.refusesAnyOf(present)) return [];
    if (state.hasDueAdditions(present)) return undefined;
  }
  return [...view.snapshot].flatMap(([type, present]) => {
    const state = view.types.get(type);
    const isAsked =
      state === undefined ? present.size === 0 || optional.has(type) : state.wantsAll(present);
    return isAsked ? [] : [type];
  });
}
