import { stripColor } from './terminal.ts';

/** A plain text table that fits the terminal: the widest shrinkable column gives way, with an ellipsis. */
export function table(options: {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly width: number;
}): string {
  const rows = [options.header, ...options.rows].map((row) => row.map(oneLine));
  const widths = options.header.map((_, column) =>
    Math.max(...rows.map((row) => visibleLength(row[column] ?? ''))),
  );
  shrink(widths, options.width);
  return rows
    .map((row) =>
      widths
        .map((width, column) => pad(cut(row[column] ?? '', width), width))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A cell of several lines would pass for rows of its own. */
function oneLine(text: string): string {
  return text.replaceAll(/\r?\n/g, '\\n').replaceAll('\t', ' ');
}

const narrowest = 8;

function shrink(widths: number[], available: number): void {
  const gaps = 2 * (widths.length - 1);
  for (;;) {
    const total = widths.reduce((sum, width) => sum + width, gaps);
    const widest = Math.max(...widths);
    if (total <= available || widest <= narrowest) return;
    widths[widths.indexOf(widest)] = Math.max(narrowest, widest - (total - available));
  }
}

function cut(text: string, width: number): string {
  if (visibleLength(text) <= width) return text;
  return `${stripColor(text).slice(0, Math.max(0, width - 1))}…`;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - visibleLength(text)));
}

function visibleLength(text: string): number {
  return stripColor(text).length;
}

/** Lines of whole words; a word that is longer than a line is broken. */
export function wrapped(text: string, width: number): string[] {
  const pieces = text.split(' ').flatMap((word) => pieceWord(word, width));
  const lines: string[] = [];
  for (const word of pieces) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines.splice(-1, 1, `${last} ${word}`);
  }
  return lines;
}

function pieceWord(word: string, width: number): string[] {
  const count = Math.max(1, Math.ceil(word.length / width));
  return Array.from({ length: count }, (_, at) => word.slice(at * width, (at + 1) * width));
}
