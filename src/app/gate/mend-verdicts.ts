import type { Rollout } from '../../rollout/rollout.ts';
import type { CommitVerdict } from '../../serve/api/wire-gate.ts';
import { type ControlPlane, takenBackFinding } from '../control-plane.ts';
import type { Verdicts } from './verdicts.ts';

/**
 * A process that ends, or a store that goes away, between two writes leaves verdicts that are not of what the mesh runs.
 * Whoever leads next mends them first: nobody waits for what was accepted and led nowhere, and what was taken back is not
 * tried again.
 */
export function mendVerdicts(given: {
  readonly verdicts: Verdicts;
  readonly plane: Pick<ControlPlane, 'revision' | 'intent'>;
  /** The last one, as the store has it. */
  readonly rollout: Rollout | undefined;
  readonly nowMs: number;
}): void {
  const { verdicts, plane, rollout, nowMs } = given;
  if (rollout?.state.kind === 'taken-back') {
    const { reason, sinceMs } = rollout.state;
    const known = verdicts.get(rollout.commit);
    const verdict = {
      kind: 'refused' as const,
      atMs: sinceMs,
      findings: [takenBackFinding(reason)],
    };
    if (known?.verdict.kind !== 'refused') {
      verdicts.set({ ...(known ?? unjudged(rollout, nowMs)), verdict });
    }
  }
  if (plane.intent.kind === 'empty') return;
  const { tree } = plane.intent;
  const known = verdicts.get(tree.commit);
  if (known?.verdict.kind !== 'accepted') verdicts.set({ ...known, ...unjudged(tree, nowMs) });
  for (const { commit } of verdicts.acceptedSince(tree.commit)) verdicts.forget(commit);
  // Newest first: what one that is forgotten took the place of goes with it.
  for (const { commit, verdict: one } of verdicts.all) {
    if (one.kind === 'superseded' && verdicts.get(one.by) === undefined) verdicts.forget(commit);
  }
}

/** Nothing is known of its gates any more, and it was accepted. */
function unjudged(
  { commit, subject }: { readonly commit: string; readonly subject: string },
  nowMs: number,
): CommitVerdict {
  const verdict = { kind: 'accepted', atMs: nowMs, warnings: [], approvedBy: undefined } as const;
  return { commit, subject, seenMs: nowMs, verdict, gates: [], liveMs: undefined, sources: {} };
}
