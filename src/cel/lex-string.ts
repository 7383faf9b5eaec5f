import { err, ok, type Result } from '../base/result.ts';
import type { CelToken } from './lex.ts';
import type { CelProblem } from './problem.ts';

/** Escapes of one character. */
const simple: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '?': '?',
  '"': '"',
  "'": "'",
  '`': '`',
};

const coded = /x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})/y;
const octal = /[0-3][0-7]{2}/y;

/** A string or bytes, whose `opening` is its prefix and quote. */
export function stringLiteral(
  text: string,
  at: number,
  opening: string,
): Result<CelToken, CelProblem> {
  const raw = /[rR]/.test(opening);
  const isBytes = /[bB]/.test(opening);
  const close = opening.replace(/^[bBrR]*/, '');
  const start = at + opening.length;
  const end = endOf(text, start, close, raw);
  if (end === undefined)
    return err({ offset: at, length: opening.length, message: 'the string does not end' });
  const pieces = raw ? ok([text.slice(start, end)]) : unescaped(text, start, end, isBytes);
  if (!pieces.ok) return pieces;
  const place = { at, len: end + close.length - at };
  if (isBytes) {
    const v = Buffer.concat(pieces.value.map(bytesOf)).toString('base64');
    return ok({ t: 'literal', literal: { k: 'bytes', v }, ...place });
  }
  const v = pieces.value.map(String).join('');
  if (!v.isWellFormed())
    return err({ offset: at, length: place.len, message: 'the string is not valid Unicode' });
  return ok({ t: 'literal', literal: { k: 'string', v }, ...place });
}

/** Where the closing quote stands; only strings in triple quotes go over lines. */
function endOf(text: string, start: number, close: string, raw: boolean): number | undefined {
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith(close, at)) return at;
    if (close.length === 1 && (text[at] === '\n' || text[at] === '\r')) return undefined;
    if (text[at] === '\\' && !raw) at += 1;
  }
  return undefined;
}

/** Pieces of text, and the values of single bytes. */
function unescaped(
  text: string,
  start: number,
  end: number,
  isBytes: boolean,
): Result<readonly (string | number)[], CelProblem> {
  const pieces: (string | number)[] = [];
  for (let at = start; at < end; ) {
    const slash = text.indexOf('\\', at);
    if (slash < 0 || slash >= end) {
      pieces.push(text.slice(at, end));
      break;
    }
    pieces.push(text.slice(at, slash));
    const escaped = escapeAt(text, slash + 1, isBytes);
    if (escaped === undefined)
      return err({
        offset: slash,
        length: 2,
        message: `\`${text.slice(slash, slash + 2)}\` is no escape of CEL`,
        expected: 'for a backslash `\\\\`, or a raw string: r"…"',
      });
    pieces.push(escaped.piece);
    at = slash + 1 + escaped.len;
  }
  return ok(pieces);
}

interface Escape {
  readonly piece: string | number;
  readonly len: number;
}

function escapeAt(text: string, at: number, isBytes: boolean): Escape | undefined {
  const character = simple[text[at] ?? ''];
  if (character !== undefined) return { piece: character, len: 1 };
  octal.lastIndex = at;
  const digits = octal.exec(text)?.[0];
  if (digits !== undefined) return codeEscape(Number.parseInt(digits, 8), 3, isBytes);
  coded.lastIndex = at;
  const match = coded.exec(text);
  if (match === null) return undefined;
  const isUnicode = match[3] !== undefined || match[4] !== undefined;
  if (isUnicode && isBytes) return undefined;
  const hex = match[1] ?? match[2] ?? match[3] ?? match[4] ?? '';
  return codeEscape(Number.parseInt(hex, 16), match[0].length, isBytes);
}

function codeEscape(code: number, len: number, isBytes: boolean): Escape | undefined {
  if (isBytes) return { piece: code, len };
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return code > 0x10ffff || surrogate ? undefined : { piece: String.fromCodePoint(code), len };
}

function bytesOf(piece: string | number): Uint8Array {
  return typeof piece === 'number' ? Uint8Array.of(piece) : Buffer.from(piece, 'utf8');
}
