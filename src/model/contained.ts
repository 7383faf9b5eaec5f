import type { Code, Finding } from '../base/finding.ts';

/**
 * An error, and what the part of the intent comes to in which it is, where the commit ran before this was an error: by an
 * earlier version, or by a later one. No such part allows more than it did, whatever was meant.
 */
export interface Contained extends Finding {
  readonly meanwhile: string;
}

/**
 * Errors that say that what is written is unwelcome, not that it is not understood: it is read as it stands. A new rule about
 * what was accepted before belongs here, unless it is because of what somebody may be allowed by it.
 */
const standing: ReadonlySet<Code> = new Set<Code>(['CH1009', 'CH1018', 'CH1042']);

export const asItStands = 'what is written goes on as it stands';

/** Whether something of the part is not what was written. */
export function isMisread(finding: Finding): boolean {
  return isUncontained(finding) && !standing.has(finding.code);
}

export function isUncontained(finding: Finding): boolean {
  return finding.severity === 'error' && !('meanwhile' in finding);
}

export function contained(finding: Finding, meanwhile: string): Finding {
  if (!isUncontained(finding)) return finding;
  const said: Contained = { ...finding, meanwhile: isMisread(finding) ? meanwhile : asItStands };
  return said;
}

/** As everybody who is told of an error sees it. */
export function withoutMeanwhile(finding: Finding): Finding {
  if (!('meanwhile' in finding)) return finding;
  const { meanwhile: _, ...plain } = finding as Contained;
  return plain;
}

/** Takes the findings of one part, and knows whether any says that it was misread. */
export function containing(report: (finding: Finding) => void, meanwhile: string) {
  let misread = false;
  return {
    report: (finding: Finding): void => {
      misread ||= isMisread(finding);
      report(contained(finding, meanwhile));
    },
    isMisread: (): boolean => misread,
  };
}

/** What conditions read and nothing says may be what lets somebody in, and what keeps somebody out. */
export const misreadNames = 'rules with `when` allow nothing, and deny whether it holds or not';
