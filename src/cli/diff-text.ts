import { placeText } from '../base/place-text.ts';
import { cutText, textWidth } from '../base/text-width.ts';
import { fitted } from '../base/wrap.ts';
import type { FieldChange } from '../explain/field-changes.ts';
import type { ResourceChange, ResourceSide } from '../explain/revision-diff.ts';
import { shortCommit } from './commit-text.ts';
import { paint, type Terminal } from './terminal.ts';

type Look = Pick<Terminal, 'color' | 'width'>;

/** One resource: the lines that made it on both sides, then field by field. */
export function changeText(change: ResourceChange, who: string, look: Look): string {
  const { type, name, before, after, fields } = change;
  const only = before === undefined ? ' is new' : after === undefined ? ' is gone' : '';
  const isSentAgain = before !== undefined && after !== undefined && fields.length === 0;
  const whence = [
    `${paint(look, 'bold', `${type} ${name}`)}${only}${who === '' ? '' : `, ${who}`}`,
    ...(before === undefined ? [] : [paint(look, 'red', `  - ${sideText(before)}`)]),
    ...(after === undefined ? [] : [paint(look, 'green', `  + ${sideText(after)}`)]),
  ];
  return [
    ...whence.map((line) => fitted(line, look.width)),
    // A field may be a whole route; --json has all of it.
    ...fields.flatMap((field) => fieldLines(field, look.width)),
    // An endpoint assignment's version also holds its cluster's.
    ...(isSentAgain ? ['    the same content, sent again for its cluster'] : []),
  ].join('\n');
}

function sideText({ version, at, commit }: ResourceSide): string {
  const where = at === undefined ? 'made before the ledger' : placeText(at);
  const of = commit === undefined ? '' : `  ${shortCommit(commit)}`;
  const which = version === undefined ? '' : `${version.slice(0, 8)}  `;
  return `${which}${where}${of}`;
}

/** Both values are seen, however long the path to them is. */
function fieldLines({ path, before, after }: FieldChange, width: number): readonly string[] {
  const change = `${shown(before)} -> ${shown(after)}`;
  const whole = `    ${path}: ${change}`;
  if (textWidth(whole) <= width) return [whole];
  const head = `    ${pathText(path, width - '    :'.length)}:`;
  const values = textWidth(change) + 6 <= width ? [change] : [shown(before), `-> ${shown(after)}`];
  return [head, ...values.map((value) => cutText(`      ${value}`, width))];
}

const pathHead = 16;

/** What differs stands at the end of a path, and its beginning says in what. */
function pathText(path: string, width: number): string {
  const tail = Math.floor(width) - pathHead - 1;
  return path.length <= width || tail < pathHead
    ? path
    : `${path.slice(0, pathHead)}…${path.slice(-tail)}`;
}

function shown(value: FieldChange['before']): string {
  return value === undefined ? '(nothing)' : JSON.stringify(value);
}

/** The first few by name; --json has all. */
export function namesText(names: readonly string[], most: number): string {
  const more = names.length - most;
  const first = names.slice(0, most).join(', ');
  return more > 0 ? `${first} and ${more} more` : first;
}

export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
