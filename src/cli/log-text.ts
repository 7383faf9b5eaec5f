import { timeText } from '../base/time-text.ts';
import { flowed, folded } from '../base/wrap.ts';
import type { LedgerEntry } from '../client/gen/api.ts';
import { auditText } from '../explain/audit.ts';
import { shortCommit } from './commit-text.ts';
import { prose, table } from './table.ts';

/** On a narrower terminal nothing would be left of what happened. */
const tableWidthMin = 110;
/** Of one entry on a narrow terminal; --json has all. */
const linesMax = 4;
const indent = '    ';

/** Oldest first: a line each, or what happened under its time where there is no room beside it. */
export function logText(entries: readonly LedgerEntry[], width: number): string {
  const rows = entries.map((one) => [
    timeText(one.atMs),
    one.kind,
    subjectText(one.subject),
    auditText(one).replaceAll('\n', ' '),
  ]);
  if (width >= tableWidthMin) {
    return table({ header: ['time', 'kind', 'subject', prose('what')], rows, width });
  }
  return rows.map((row) => entryText(row, width)).join('\n');
}

function subjectText(subject: string): string {
  return /^[0-9a-f]{40,64}$/.test(subject) ? shortCommit(subject) : subject;
}

function entryText(
  [time = '', kind = '', subject = '', what = '']: string[],
  width: number,
): string {
  const lines = folded(what, width - indent.length);
  const more = lines.length > linesMax ? [`${indent}…`] : [];
  const shown = lines.slice(0, linesMax).map((line) => `${indent}${line}`);
  const [head = '', ...on] = flowed([time, kind, subject], '  ', width);
  return [head, ...on.map((line) => `${indent}${line}`), ...shown, ...more].join('\n');
}
