import type { ExitCode } from './command.ts';
import { shortCommit } from './commit-text.ts';
import { count } from './diff-text.ts';
import {
  type DiffFound,
  effects,
  flowRows,
  isPartial,
  lastLine,
  sinceText,
  sumOf,
  tooLargeText,
} from './policy-diff.ts';
import { answerText, cellText, issuerText } from './policy-text.ts';

/** Rows of one table; a comment on a pull request is read to the end, or not at all. */
const rowsMax = 50;

/** The same as the text, for a comment on a pull request. */
export function policyMarkdown(found: DiffFound, code: ExitCode): string {
  const { sides, space } = found;
  const names = `${shortCommit(sides.before.commit)}..${shortCommit(sides.after.commit)}`;
  const cells = space.cells
    .slice(0, rowsMax)
    .map((cell) => [
      ...[cell.effect, cell.callee, cellText(cell)],
      `${answerText(cell.before)} -> ${answerText(cell.after)}`,
    ]);
  return [
    `### Policy ${names}`,
    ...lastLine(code).map((line) => `\n**${line}**`),
    '',
    ...traffic(found),
    `Policy space, exact, whatever the traffic: ${count(space.cells.length, 'change', 'changes')}`,
    '',
    ...rows(['', 'service', 'what', 'how'], cells),
    ...space.issuers.map((one) => `- Tokens are believed otherwise: ${escaped(issuerText(one))}`),
    ...space.tooLarge.map((callee) => `- ${tooLargeText(callee).trim()}`),
  ]
    .join('\n')
    .trimEnd();
}

function traffic(found: DiffFound): readonly string[] {
  const { recorded, flows } = found;
  if (recorded.flows === undefined) {
    return [`Recorded traffic was not looked at, for ${recorded.why}.`, ''];
  }
  const partly = isPartial(recorded) ? '; some requests are in none of the flows' : '';
  return [
    `Recorded traffic, ${sinceText(recorded)}${partly}:`,
    '',
    ...effects.map((effect) => {
      const sum = sumOf(flows, effect);
      return `- ${effect}: ${count(sum.flows, 'flow', 'flows')}, ${count(sum.requests, 'request', 'requests')}`;
    }),
    '',
    ...effects.flatMap((effect) => {
      const found_ = effect === 'unchanged' ? [] : flowRows(found, effect).slice(0, rowsMax);
      const why = effect === 'uncertain' ? 'why' : 'by';
      return rows([effect, 'what', 'requests', 'last seen', why], found_);
    }),
  ];
}

function rows(header: readonly string[], all: readonly (readonly string[])[]): readonly string[] {
  if (all.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  return [line(header), `|${' --- |'.repeat(header.length)}`, ...all.map(line), ''];
}

/** A star is a pattern here and never stress; a bar would end the cell. */
function escaped(text: string): string {
  return text.replaceAll(/[*|_<\\]/g, (sign) => `\\${sign}`);
}
