const colorSequence = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

export function stripColor(text: string): string {
  return text.replaceAll(colorSequence, '');
}

/**
 * Wide and Fullwidth of Unicode's UAX 11, as blocks: what a terminal draws over two columns. Emoji are found by their
 * property; Ambiguous counts as one, as it does in every terminal that is not set up for East Asian text.
 */
const wide = new RegExp(
  [
    '\\p{Emoji_Presentation}|[\\u1100-\\u115f\\u2e80-\\u303e\\u3041-\\u4dbf\\u4e00-\\ua4cf\\ua960-\\ua97f',
    '\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe10-\\ufe19\\ufe30-\\ufe6f\\uff01-\\uff60\\uffe0-\\uffe6',
    '\\u{17000}-\\u{18cff}\\u{1b000}-\\u{1b2ff}\\u{20000}-\\u{3fffd}]',
  ].join(''),
  'u',
);
/** A sign of text that asks for its picture. */
const pictured = /\p{Emoji}\ufe0f/u;
/** Marks above another sign, joiners and selectors. */
const onlyUnseen = /^[\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]*$/u;
const narrow = /^[\x20-\x7e]*$/;

let segmenter: Intl.Segmenter | undefined;

/** Made when it is first needed: it takes longer than most commands have for all that they print. */
function graphemesOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/** Columns that a text takes on a terminal, colours not counted. */
export function textWidth(text: string): number {
  const plain = stripColor(text);
  if (narrow.test(plain)) return plain.length;
  let columns = 0;
  for (const { segment } of graphemesOf(plain)) columns += graphemeWidth(segment);
  return columns;
}

/** A family of emoji, or a letter with its accents, is drawn as one. */
function graphemeWidth(grapheme: string): number {
  if (wide.test(grapheme) || pictured.test(grapheme)) return 2;
  return onlyUnseen.test(grapheme) ? 0 : 1;
}

/** The longest beginning that takes at most so many columns; its colours are gone. */
export function beginningOf(text: string, columns: number): string {
  const plain = stripColor(text);
  if (narrow.test(plain)) return plain.slice(0, Math.max(0, columns));
  let left = columns;
  for (const { segment, index } of graphemesOf(plain)) {
    left -= graphemeWidth(segment);
    if (left < 0) return plain.slice(0, index);
  }
  return plain;
}

/** With an ellipsis where something is left out. */
export function cutText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  return `${beginningOf(text, columns - 1)}…`;
}

export function padText(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)));
}
