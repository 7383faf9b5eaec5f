import type { Finding } from '../base/finding.ts';
import { timeText } from '../base/time-text.ts';
import { fitted } from '../base/wrap.ts';
import type { BranchState, CommitVerdict, Rollout } from '../client/gen/api.ts';
import { shortCommit } from './commit-text.ts';
import { prose, spare, table } from './table.ts';
import { type Hue, paint, type Terminal } from './terminal.ts';

/** What the gates said to a commit, and how it went on to proxies. */
export interface Revision extends CommitVerdict {
  readonly rollout: Rollout | undefined;
}

const hues: Readonly<Record<CommitVerdict['verdict']['kind'], Hue>> = {
  checking: 'dim',
  accepted: 'green',
  refused: 'red',
  waiting: 'yellow',
  superseded: 'dim',
};

/** One line a commit. */
export function revisionTable(
  revisions: readonly Revision[],
  look: Pick<Terminal, 'color' | 'width'>,
): string {
  const rows = revisions.map((one) => [
    shortCommit(one.commit),
    stateText(one, look),
    timeText(one.seenMs),
    one.gates.map(({ gate, tookMs }) => `${gate} ${tookMs}`).join(', '),
    one.subject,
  ]);
  const header = ['commit', prose('state'), 'seen', spare('gates (ms)'), prose('subject')];
  return table({ header, rows, width: look.width });
}

function stateText({ verdict, rollout }: Revision, look: Pick<Terminal, 'color'>): string {
  if (rollout !== undefined && (verdict.kind === 'accepted' || verdict.kind === 'refused')) {
    return progressText(rollout, look);
  }
  return paint(look, hues[verdict.kind], verdict.kind);
}

/** How far it is, in some words. */
export function progressText({ state, waves }: Rollout, look: Pick<Terminal, 'color'>): string {
  const wave = 'wave' in state ? `wave ${state.wave + 1} of ${Math.max(1, waves.length)}` : '';
  switch (state.kind) {
    case 'pushing':
      return `${wave} is taking it`;
    case 'watching':
      return `${wave} is watched`;
    case 'halted':
      return paint(look, 'yellow', `halted at ${wave} by ${state.by}`);
    case 'live':
      return paint(look, 'green', 'live');
    case 'taken-back':
      return paint(look, 'red', `taken back${branchInShort(state.branch)}`);
  }
}

function branchInShort(branch: BranchState): string {
  switch (branch.kind) {
    case 'written':
      return ` by ${shortCommit(branch.commit)}`;
    case 'as before':
      return '';
    case 'open':
    case 'left':
      return branch.problem === undefined ? '' : `, not on the branch (${branch.problem.code})`;
  }
}

/** What became of the branch, for whoever looks at one revision or follows them all. */
export function branchText(branch: BranchState): string {
  switch (branch.kind) {
    case 'written': {
      const files = branch.filesLeft ? '; files that were changed in the work tree stay' : '';
      return `on the branch it is taken back by ${shortCommit(branch.commit)}${files}`;
    }
    case 'as before':
      return `the branch has the intent of before at ${shortCommit(branch.commit)}`;
    case 'open':
      return branch.problem === undefined
        ? 'the branch is being brought back'
        : `the branch still holds it, which is tried again: ${problemText(branch.problem)}`;
    case 'left':
      return `the branch still holds it: ${problemText(branch.problem)}`;
  }
}

function problemText({ code, message, found, help }: Finding): string {
  const facts = [found, help].filter((text) => text !== undefined);
  return [`${code} ${message}`, ...facts].join('; ');
}

function evidenceLines(evidence: readonly string[] = []): readonly string[] {
  return evidence.length === 0
    ? []
    : ['', 'what was counted', ...evidence.map((one) => `  ${one}`)];
}

/** How far it is, why it is no longer, and who is in which wave. */
export function waveText(rollout: Rollout, look: Pick<Terminal, 'color' | 'width'>): string {
  const { state, waves, base } = rollout;
  const rows = waves.map((wave, index) => [
    String(index + 1),
    String(wave.length),
    wave.join(', '),
  ]);
  const reason = state.kind === 'taken-back' ? `: ${state.reason}` : '';
  return fitted(
    [
      `${progressText(rollout, look)}${reason}; before it ran ${shortCommit(base)}`,
      ...(state.kind === 'taken-back' ? [branchText(state.branch)] : []),
      ...(state.kind === 'taken-back' ? evidenceLines(state.evidence) : []),
      '',
      rows.length === 0
        ? 'it changes nothing for any proxy'
        : table({ header: ['wave', 'proxies', prose('who')], rows, width: look.width }),
    ].join('\n'),
    look.width,
  );
}
