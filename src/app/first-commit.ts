import type { Finding } from '../base/finding.ts';
import type { RefusedTree } from './intent-state.ts';

/** Why nothing runs, for whoever looks at a control plane that has no commit yet. */
export function missingCommit(
  turnedDown: RefusedTree | undefined,
  unread: readonly Finding[],
): string {
  const [finding] = unread;
  if (finding !== undefined) return inShort(finding);
  if (turnedDown === undefined) return 'no commit was accepted yet';
  const { commit, findings } = turnedDown;
  const [first] = findings.filter(({ severity }) => severity === 'error');
  return `no commit was accepted yet; ${commit.slice(0, 12)} is refused${first === undefined ? '' : `: ${inShort(first)}`}`;
}

function inShort({ code, message, at }: Finding): string {
  return `${code} ${message}${at === undefined ? '' : ` (${at.file}:${at.line})`}`;
}
