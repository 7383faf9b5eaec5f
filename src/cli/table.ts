import { padText, stripColor, textWidth } from '../base/text-width.ts';
import { flowed, folded } from '../base/wrap.ts';

/**
 * What holds a name, a place or a state is never cut: it is typed again. Prose, and lists of names, are wrapped before
 * anything else gives way; what is spare is left out where all would else not stand side by side.
 */
type Column = string | { readonly name: string; readonly kind: 'prose' | 'spare' };

export function prose(name: string): Column {
  return { name, kind: 'prose' };
}

export function spare(name: string): Column {
  return { name, kind: 'spare' };
}

/** A column with what stands in it, a cell for each row. */
interface Filled {
  readonly name: string;
  readonly kind: 'key' | 'prose' | 'spare';
  readonly cells: readonly string[];
}

/**
 * A text table that fits the terminal. What needs most room, as far as all do not stand side by side, gets lines of its
 * own: above its row if it is the first column, else below it, as `name: value`.
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
  const places = placed(columns, width);
  const { above, beside, below, widths } = places;
  const grid = (cells: readonly string[]): readonly string[] =>
    gridLines(cells, widths).map((line) => `${indentOf(places)}${line}`.trimEnd());
  const lines = rows.flatMap((_, row) => [
    ...(above === undefined ? [] : [above.cells[row] ?? '']),
    ...grid(beside.map(({ cells }) => cells[row] ?? '')),
    ...notesOf(below, row, width - noteIndent.length),
  ]);
  const head = [
    ...(above === undefined ? [] : [above.name]),
    ...grid(beside.map(({ name }) => name)),
  ];
  return [...head, ...lines].filter((line, at) => line !== '' || at === 0).join('\n');
}

/** A cell of several lines would pass for rows of its own. */
function oneLine(text: string): string {
  return text.replaceAll(/\r?\n/g, '\\n').replaceAll('\t', ' ');
}

interface Places {
  readonly above: Filled | undefined;
  readonly beside: readonly Filled[];
  readonly below: readonly Filled[];
}

function placed(
  columns: readonly Filled[],
  width: number,
  places: Places = { above: undefined, beside: columns, below: [] },
): Places & { readonly widths: readonly number[] } {
  const { above, beside, below } = places;
  const widths = widthsOf(beside, width - indentOf(places).length);
  if (widths !== undefined) return { ...places, widths };
  const spared = beside.findLast(({ kind }) => kind === 'spare');
  const gone = spared ?? beside.reduce((a, b) => (leastWidth(b) > leastWidth(a) ? b : a));
  const others = beside.filter((one) => one !== gone);
  if (gone === spared) return placed(columns, width, { ...places, beside: others });
  if (gone === columns[0]) return placed(columns, width, { above: gone, beside: others, below });
  const inOrder = columns.filter((one) => one === gone || below.includes(one));
  return placed(columns, width, { above, beside: others, below: inOrder });
}

function indentOf({ above }: Places): string {
  return above === undefined ? '' : noteIndent;
}

function naturalWidth({ name, cells }: Filled): number {
  return largest([name, ...cells].map(textWidth));
}

/** Of any number: a call takes only so many arguments. */
function largest(widths: readonly number[]): number {
  return widths.reduce((most, width) => Math.max(most, width), 0);
}

const gap = '  ';
/** Columns of prose that are narrower are no longer read. */
const proseWidthMin = 24;
/** Of a word of prose that stays whole: the name of a service and a comma; what is longer has no end. */
const wordWidthMax = 64;
/** Of prose in one cell; a pipe and --json get all of it. */
const cellLinesMax = 6;

/** Undefined: they do not fit. */
function widthsOf(columns: readonly Filled[], available: number): readonly number[] | undefined {
  if (columns.length === 0) return [];
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
    case 'prose': {
      const words = [name, ...cells].flatMap((cell) => cell.split(' ')).map(textWidth);
      const wholes = words.filter((word) => word <= wordWidthMax);
      return Math.min(naturalWidth(column), Math.max(proseWidthMin, largest(wholes)));
    }
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
    return cell === '' ? [] : [{ text, isProse: column.kind === 'prose' }];
  });
  const keys = told.flatMap(({ text, isProse }) => (isProse ? [] : [text]));
  const texts = told.flatMap(({ text, isProse }) =>
    isProse
      ? cellLines(text, room - gap.length).map((line, at) => (at === 0 ? line : `${gap}${line}`))
      : [],
  );
  return flowed([...keys, ...texts], gap, room).map((line) => `${noteIndent}${line}`);
}
