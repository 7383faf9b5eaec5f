import { padText, stripColor, textWidth } from '../base/text-width.ts';
import { flowed, folded } from '../base/wrap.ts';

/**
 * What holds a name, a place or a state is never cut: it is typed again. Prose is wrapped before anything else gives way,
 * a list of names between them; what is spare is left out where all would else not stand side by side.
 */
export type Column = string | { readonly name: string; readonly kind: 'prose' | 'names' | 'spare' };

export function prose(name: string): Column {
  return { name, kind: 'prose' };
}

export function names(name: string): Column {
  return { name, kind: 'names' };
}

export function spare(name: string): Column {
  return { name, kind: 'spare' };
}

type Row = readonly string[];

/** A text table that fits the terminal; where its names do not stand side by side, each row is a record of `name: value`. */
export function table(options: {
  readonly header: readonly Column[];
  readonly rows: readonly Row[];
  readonly width: number;
}): string {
  const { width } = options;
  const rows = options.rows.map((row) => row.map(oneLine));
  for (let header = options.header; ; ) {
    const shown = options.header.map((column) => header.includes(column));
    const own = rows.map((row) => row.filter((_, at) => shown[at] === true));
    const widths = widthsOf(header, own, width);
    if (widths !== undefined) return gridText(header, own, widths);
    const last = header.findLast((column) => kindOf(column) === 'spare');
    if (last === undefined)
      return rows.map((row) => recordText(options.header, row, width)).join('\n');
    header = header.filter((column) => column !== last);
  }
}

/** A cell of several lines would pass for rows of its own. */
function oneLine(text: string): string {
  return text.replaceAll(/\r?\n/g, '\\n').replaceAll('\t', ' ');
}

function nameOf(column: Column): string {
  return typeof column === 'string' ? column : column.name;
}

function kindOf(column: Column): 'key' | 'prose' | 'names' | 'spare' {
  return typeof column === 'string' ? 'key' : column.kind;
}

const gap = '  ';
/** Columns of prose that are narrower are no longer read. */
const proseWidthMin = 24;
/** Of one cell, and of prose in a record; a pipe and --json get all of it. */
const cellLinesMax = 6;

/** Undefined: they do not fit. */
function widthsOf(
  header: readonly Column[],
  rows: readonly Row[],
  available: number,
): readonly number[] | undefined {
  const cells = header.map((column, at) => [nameOf(column), ...rows.map((row) => row[at] ?? '')]);
  const widths = cells.map((all) => Math.max(...all.map(textWidth)));
  const least = header.map((column, at) =>
    Math.min(widths[at] ?? 0, leastWidth(column, cells[at] ?? [])),
  );
  const gaps = gap.length * (widths.length - 1);
  const excess = (): number => widths.reduce((sum, one) => sum + one, gaps) - available;
  while (excess() > 0) {
    const slack = widths.map((width, at) => width - (least[at] ?? 0));
    const at = slack.indexOf(Math.max(...slack));
    if (slack[at] === 0) return undefined;
    widths[at] = Math.max(least[at] ?? 0, (widths[at] ?? 0) - excess());
  }
  return widths;
}

function leastWidth(column: Column, cells: readonly string[]): number {
  switch (kindOf(column)) {
    case 'prose':
      return proseWidthMin;
    case 'names':
      return Math.max(...cells.flatMap((cell) => cell.split(' ')).map(textWidth));
    case 'key':
    case 'spare':
      return Number.POSITIVE_INFINITY;
  }
}

function gridText(
  header: readonly Column[],
  rows: readonly Row[],
  widths: readonly number[],
): string {
  return [header.map(nameOf), ...rows]
    .flatMap((row) => {
      const cells = widths.map((width, at) => cellLines(row[at] ?? '', width));
      const height = Math.max(...cells.map((lines) => lines.length));
      return Array.from({ length: height }, (_, line) =>
        widths
          .map((width, at) => padText(cells[at]?.[line] ?? '', width))
          .join(gap)
          .trimEnd(),
      );
    })
    .join('\n');
}

const painted = new RegExp(
  `^(${String.fromCharCode(27)}\\[[0-9;]*m)(.*)(${String.fromCharCode(27)}\\[0m)$`,
);

/** A colour ends with each line: other columns stand beside it. */
function cellLines(text: string, width: number): readonly string[] {
  if (textWidth(text) <= width) return [text];
  const [, before = '', inner = text, after = ''] = painted.exec(text) ?? [];
  const all = folded(stripColor(inner), width);
  const lines = all.length > cellLinesMax ? [...all.slice(0, cellLinesMax - 1), '…'] : all;
  return lines.map((line) => `${before}${line}${after}`);
}

const recordIndent = '    ';

function recordText(header: readonly Column[], row: Row, width: number): string {
  const told = header.flatMap((column, at) => {
    const cell = row[at] ?? '';
    const label = at === 0 || nameOf(column) === '' ? '' : `${nameOf(column)}: `;
    const isProse = kindOf(column) === 'prose' || kindOf(column) === 'names';
    return cell === '' ? [] : [{ text: `${label}${cell}`, isProse }];
  });
  const room = width - recordIndent.length;
  const keys = told.filter(({ isProse }) => !isProse).map(({ text }) => text);
  const [first = '', ...rest] = flowed(keys, gap, room);
  const texts = told.filter(({ isProse }) => isProse).flatMap(({ text }) => cellLines(text, room));
  return [first, ...[...rest, ...texts].map((line) => `${recordIndent}${line}`)].join('\n');
}
