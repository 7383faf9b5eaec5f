import type { Finding } from '../../base/finding.ts';
import type { ControlPlane } from '../control-plane.ts';
import { compileCandidate, type Gate, type GateName } from '../gate/candidate.ts';

/** The others look at what a commit says, and that is as it was. */
const judging: readonly GateName[] = ['references', 'envoy'];

/** What the gates find of what this version compiles otherwise, beside what proxies go on with. */
export async function judgeUpgrade(
  { intent, publisher, inventory }: ControlPlane,
  gates: readonly Gate[],
): Promise<readonly Finding[]> {
  if (intent.kind !== 'running') return [];
  const { tree } = intent;
  const base = { commit: tree.commit, intent: intent.intent, snapshots: publisher.bareSnapshots };
  const { running, compile } = publisher;
  const world = { base, inventory };
  const candidate = compileCandidate(tree, intent.intent, world, running, compile);
  const found: Finding[] = [];
  for (const gate of gates) {
    if (judging.includes(gate.name)) found.push(...(await gate.check(candidate)));
  }
  return found;
}
