import { unreachable } from '../base/result.ts';
import { fitted } from '../base/wrap.ts';
import type { CommitVerdict } from '../client/gen/api.ts';
import { shortCommit } from './commit-text.ts';
import { commandText } from './help-text.ts';
import type { Terminal } from './terminal.ts';

/** A verdict in full: what was found, and what to type; and the trace of its way, where there is one. */
export function reportVerdict(one: CommitVerdict, dir: string, terminal: Terminal): void {
  reportOutcome(one, dir, terminal);
  if (one.traceId !== undefined) terminal.out(traceText(one.traceId));
}

export function traceText(traceId: string): string {
  return `trace ${traceId}`;
}

function reportOutcome(one: CommitVerdict, dir: string, terminal: Terminal): void {
  const { verdict, commit, subject } = one;
  const sources = new Map(Object.entries(one.sources));
  const name = `${shortCommit(commit)} ${subject}`.trim();
  const say = (text: string): void => terminal.out(fitted(text, terminal.width));
  switch (verdict.kind) {
    case 'checking':
      say(`${name} is being checked`);
      return;
    case 'accepted':
      if (verdict.warnings.length > 0) terminal.findings(verdict.warnings, sources);
      say(
        `accepted: ${name}${verdict.approvedBy === undefined ? '' : `, approved by ${verdict.approvedBy}`}`,
      );
      return;
    case 'refused':
      terminal.findings(verdict.findings, sources);
      say(`refused: ${name}; the last good commit goes on`);
      return;
    case 'waiting':
      terminal.findings(verdict.findings, sources);
      say(`waits for approval: ${name}; the last good commit goes on`);
      terminal.out(
        commandText(`chancery approve ${shortCommit(commit)} ${dir}`.trimEnd(), terminal.width),
      );
      return;
    case 'superseded':
      say(`superseded: ${name}, by ${shortCommit(verdict.by)}`);
      return;
    default:
      unreachable(verdict);
  }
}
