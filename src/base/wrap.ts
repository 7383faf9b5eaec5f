import { beginningOf, stripColor, textWidth } from './text-width.ts';

/**
 * Lines of whole words. A word that is longer than a line stays whole on one of its own: a path, a place in a file or a
 * command that was broken cannot be copied, and a terminal goes on with it in the next line by itself.
 */
export function wrapped(text: string, width: number): readonly string[] {
  return flowed(text.split(' '), ' ', width);
}

/** Pieces that stay whole, in lines that are as full as they can be. */
export function flowed(
  pieces: readonly string[],
  separator: string,
  width: number,
): readonly string[] {
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    const longer = last === undefined ? piece : `${last}${separator}${piece}`;
    if (last === undefined || textWidth(longer) > width) lines.push(piece);
    else lines.splice(-1, 1, longer);
  }
  return lines;
}

/** As `wrapped`; a word that is longer than a line is broken: for text of strangers, which may be one word of any length. */
export function folded(text: string, width: number): readonly string[] {
  return flowed(
    text.split(' ').flatMap((word) => pieced(word, width)),
    ' ',
    width,
  );
}

function pieced(word: string, width: number): readonly string[] {
  if (textWidth(word) <= width) return [word];
  const pieces: string[] = [];
  for (let rest = stripColor(word); rest !== ''; ) {
    // One column is too narrow for a sign of two.
    const piece = beginningOf(rest, width) || rest.slice(0, 2);
    pieces.push(piece);
    rest = rest.slice(piece.length);
  }
  return pieces;
}

const hanging = '  ';
const indentation = new RegExp(`^(?:${String.fromCharCode(27)}\\[[0-9;]*m)* *`);

/** Each line that is too long goes on below itself, further in than it began. */
export function fitted(text: string, width: number): string {
  if (width === Number.POSITIVE_INFINITY) return text;
  return text
    .split('\n')
    .flatMap((line) => fittedLine(line, width))
    .join('\n');
}

function fittedLine(line: string, width: number): readonly string[] {
  if (textWidth(line) <= width) return [line];
  const [start = ''] = indentation.exec(line) ?? [];
  const indent = `${stripColor(start)}${hanging}`;
  const [first = '', ...rest] = wrapped(line.slice(start.length), width - indent.length);
  return [`${start}${first}`, ...rest.map((one) => `${indent}${one}`)];
}
