import { padText, textWidth } from '../base/text-width.ts';
import { flowed } from '../base/wrap.ts';
import type { Help, HelpLine } from './arguments.ts';
import type { Terminal } from './terminal.ts';

/** Narrower terminals break lines by themselves: a column of words would be no easier to read. */
const widthMin = 40;
/** Longer lines of prose are hard to come back from; the widths of clap and of most manuals. */
const widthMax = 100;
/**
 * Into a pipe or a file, as of argparse, click and man: what is read in a pager, pasted into an issue or compared with
 * yesterday's is the same on every machine, and 80 columns fit them all.
 */
const widthPiped = 80;

/** Columns for running text on a terminal of `width` columns. */
export function proseColumns(width: number): number {
  if (width === Number.POSITIVE_INFINITY) return widthPiped;
  return Math.min(widthMax, Math.max(widthMin, width));
}

/** What --help prints; with --json what it is made of. */
export function helpFor(help: Help, terminal: Pick<Terminal, 'json' | 'width'>): string {
  return terminal.json ? JSON.stringify(help) : helpText(help, terminal.width);
}

export function helpText({ usage, text, examples }: Help, width: number): string {
  const columns = proseColumns(width);
  return [
    ...usageLines(usage, columns),
    '',
    ...bodyLines(text, columns),
    '',
    'example:',
    ...examples.map((one) => commandText(one, columns)),
  ].join('\n');
}

const indent = '  ';
const gap = '  ';

function usageLines(usage: string, columns: number): readonly string[] {
  const words = textPieces(`usage: chancery ${usage}`);
  const lines = flowed(words, ' ', columns - indent.length * 2);
  return lines.map((line, at) => (at === 0 ? line : `${indent}${indent}${line}`));
}

/** What stands in brackets, a flag with its value, and an exit code with the beginning of what it means, stay whole. */
function textPieces(text: string): readonly string[] {
  return glued(text.split(' '), (last, word) => {
    const isOpen = last.split('[').length > last.split(']').length;
    const isValue = /^--[a-z-]+$/.test(last) && /^[A-Z]/.test(word);
    return isOpen || isValue || /^\d:$/.test(last);
  });
}

function glued(
  words: readonly string[],
  belongs: (last: string, word: string) => boolean,
): readonly string[] {
  const pieces: string[] = [];
  for (const word of words) {
    const last = pieces.at(-1);
    if (last !== undefined && belongs(last, word)) pieces.splice(-1, 1, `${last} ${word}`);
    else pieces.push(word);
  }
  return pieces;
}

/** Longer terms have what they mean below them. */
const termColumnsMax = 28;

function bodyLines(text: readonly HelpLine[], columns: number): readonly string[] {
  const most = Math.min(termColumnsMax, Math.floor(columns * 0.4));
  const terms = text.flatMap((line) => (typeof line === 'string' ? [] : [textWidth(line[0])]));
  const column = Math.max(0, ...terms.filter((width) => width <= most));
  return text.flatMap((line) =>
    typeof line === 'string' ? paragraph(line, columns) : termLines(line, column, columns),
  );
}

function paragraph(text: string, columns: number): readonly string[] {
  const inside = text.trimStart();
  const own = ' '.repeat(text.length - inside.length);
  return flowed(textPieces(inside), ' ', columns - own.length).map((line) => `${own}${line}`);
}

function termLines(
  [term, meaning]: readonly [string, string],
  column: number,
  columns: number,
): readonly string[] {
  const before = ' '.repeat(indent.length + column + gap.length);
  const room = columns - before.length;
  const lines = flowed(textPieces(meaning), ' ', room).map((line) => `${before}${line}`);
  if (textWidth(term) > column) return [`${indent}${term}`, ...lines];
  const [first = before, ...rest] = lines;
  return [`${indent}${padText(term, column)}${gap}${first.slice(before.length)}`, ...rest];
}

/** A command that is too long goes on after a backslash, so that it can still be pasted. */
export function commandText(command: string, columns: number): string {
  const whole = `${indent}${command}`;
  if (textWidth(whole) <= columns) return whole;
  const room = columns - indent.length * 3 - goesOn.length;
  const pieces = commandPieces(command).flatMap((piece) =>
    textWidth(piece) > room ? shellWords(piece) : [piece],
  );
  return indent + flowed(pieces, ' ', room).join(`${goesOn}\n${indent.repeat(3)}`);
}

const goesOn = ' \\';

/** Flags with their values. */
function commandPieces(command: string): readonly string[] {
  return glued(shellWords(command), (last, word) => !word.startsWith('-') && !last.endsWith('&&'));
}

/** What is quoted, or put there by a command of its own, is one word. */
function shellWords(command: string): readonly string[] {
  return command.match(/(?:'[^']*'|"[^"]*"|\$\([^)]*\)|\S)+/g) ?? [];
}
