import type { Finding } from '../base/finding.ts';
import type { Log } from '../base/log.ts';
import type { ControlPlane, RefusedTree } from './control-plane.ts';

/** Why nothing runs, for whoever looks at a control plane that has no commit yet. */
export function missingCommit(turnedDown: RefusedTree | undefined): string {
  if (turnedDown === undefined) return 'no commit was accepted yet';
  const { commit, findings } = turnedDown;
  const [first] = findings.filter(({ severity }) => severity === 'error');
  return `no commit was accepted yet; ${commit.slice(0, 12)} is refused${first === undefined ? '' : `: ${inShort(first)}`}`;
}

function inShort({ code, message, at }: Finding): string {
  return `${code} ${message}${at === undefined ? '' : ` (${at.file}:${at.line})`}`;
}

/** Until something runs nobody else may hear of it. */
export function logFirstRefusals(plane: ControlPlane, log: Log): void {
  plane.events.follow((event) => {
    const { intent } = plane;
    if (event.kind !== 'refused' || intent.kind === 'running') return;
    log.error('nothing runs yet', { problem: missingCommit(intent.refused) });
  });
}
