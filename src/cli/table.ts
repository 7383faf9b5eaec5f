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

/** A column with what stands in it, a cell for each row. */
interface Filled {
  readonly name: string;
  readonly kind: 'key' | 'prose' | 'names' | 'spare';
  readonly cells: readonly string[];
}

/**
 * A text table that fits the terminal. What does not stand side by side stands below its row as `name: value`: what needs
 * most room first, but never the first column.
 */
export function table(options: {
  readonly header: readonly Column[];
  readonly rows: readonly (readonly string[])[];
  readonly width: number;
}): string {
  const { header, rows, width } = options;
  const columns = header.map(
    (column, at): Filled => ({
      ...(typeof column === 'string' ? { name: column, kind: 'key' } : column),
      cells: rows.map((row) => oneLine(row[at] ?? '')),
    }),
  );
  const { beside, below, widths } = placed(columns, width);
  const isGrid = beside.length > 1;
  const lines = rows.flatMap((_, row) => {
    const own = beside.map(({ cells }) => cells[row] ?? '');
    const notes = notesOf(below, row, width - noteIndent.length);
    if (isGrid) return [...gridLines(own, widths), ...noteLines(notes, width)];
    const [first = '', ...rest] = noteLines([...own, ...notes], width);
    return [first.slice(noteIndent.length), ...rest];
  });
  const names = beside.map(({ name }) => name);
  return [...(isGrid ? gridLines(names, widths) : []), ...lines].join('\n');
}

/** A cell of several lines would pass for rows of its own. */
function oneLine(text: string): string {
  return text.replaceAll(/\r?\n/g, '\\n').replaceAll('\t', ' ');
}

interface Placed {
  readonly beside: readonly Filled[];
  readonly below: readonly Filled[];
  readonly widths: readonly number[];
}

function placed(columns: readonly Filled[], width: number): Placed {
  let [beside, below]: [readonly Filled[], readonly Filled[]] = [columns, []];
  for (;;) {
    const widths = widthsOf(beside, width);
    const others = beside.slice(1);
    if (widths !== undefined || others.length === 0) return { beside, below, widths: widths ?? [] };
    const spared = others.findLast(({ kind }) => kind === 'spare');
    const gone = spared ?? others.reduce((a, b) => (leastWidth(b) > leastWidth(a) ? b : a));
    beside = beside.filter((one) => one !== gone);
    // In the order of the header.
    below = spared ? below : columns.filter((one) => one === gone || below.includes(one));
  }
}

function isProse({ kind }: Filled): boolean {
  return kind === 'prose' || kind === 'names';
}

function naturalWidth({ name, cells }: Filled): number {
  return Math.max(textWidth(name), ...cells.map(textWidth));
}

const gap = '  ';
/** Columns of prose that are narrower are no longer read. */
const proseWidthMin = 24;
/** Of prose in one cell; a pipe and --json get all of it. */
const cellLinesMax = 6;

/** Undefined: they do not fit. */
function widthsOf(columns: readonly Filled[], available: number): readonly number[] | undefined {
  const widths = columns.map(naturalWidth);
  const least = columns.map(leastWidth);
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

function leastWidth(column: Filled): number {
  const { name, kind, cells } = column;
  switch (kind) {
    case 'prose':
      return Math.min(proseWidthMin, naturalWidth(column));
    case 'names':
      return Math.max(...[name, ...cells].flatMap((cell) => cell.split(' ')).map(textWidth));
    case 'key':
    case 'spare':
      return naturalWidth(column);
  }
}

function gridLines(row: readonly string[], widths: readonly number[]): readonly string[] {
  const cells = widths.map((width, at) => cellLines(row[at] ?? '', width));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    widths
      .map((width, at) => padText(cells[at]?.[line] ?? '', width))
      .join(gap)
      .trimEnd(),
  );
}

const esc = String.fromCharCode(27);
const painted = new RegExp(`^(${esc}\\[[0-9;]*m)(.*)(${esc}\\[0m)$`);

/** A colour ends with each line: other columns stand beside it. */
function cellLines(text: string, width: number): readonly string[] {
  if (textWidth(text) <= width) return [text];
  const [, before = '', inner = text, after = ''] = painted.exec(text) ?? [];
  const all = folded(stripColor(inner), width);
  const lines = all.length > cellLinesMax ? [...all.slice(0, cellLinesMax - 1), '…'] : all;
  return lines.map((line) => `${before}${line}${after}`);
}

const noteIndent = '    ';

function notesOf(columns: readonly Filled[], row: number, room: number): readonly string[] {
  const told = columns.flatMap((column) => {
    const cell = column.cells[row] ?? '';
    const text = column.name === '' ? cell : `${column.name}: ${cell}`;
    return cell === '' ? [] : [{ text, column }];
  });
  return [
    ...told.flatMap(({ text, column }) => (isProse(column) ? [] : [text])),
    ...told.flatMap(({ text, column }) => (isProse(column) ? cellLines(text, room) : [])),
  ];
}

function noteLines(pieces: readonly string[], width: number): readonly string[] {
  return flowed(pieces, gap, width - noteIndent.length).map((line) => `${noteIndent}${line}`);
}
