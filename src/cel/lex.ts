import { err, ok, type Result } from '../base/result.ts';
import type { CelLiteral } from './expr.ts';
import { numberLiteral } from './lex-number.ts';
import { stringLiteral } from './lex-string.ts';
import type { CelProblem } from './problem.ts';

/** The lexical grammar of CEL ("Syntax" in its specification). `at` and `len` count UTF-16 units. */
export type CelToken = CelTokenBody & { readonly at: number; readonly len: number };

type CelTokenBody =
  | { readonly t: 'sign'; readonly sign: string }
  | { readonly t: 'word'; readonly word: string }
  /** A name in backquotes: a field that is not an identifier. */
  | { readonly t: 'quoted'; readonly word: string }
  | { readonly t: 'literal'; readonly literal: CelLiteral }
  /** Digits without their minus, which decides whether they fit. */
  | { readonly t: 'digits'; readonly digits: string }
  | { readonly t: 'end' };

/** Longer signs first. */
const signs = '&& || == != <= >= ( ) [ ] { } . , : ? + - * / % ! < >'.split(' ');

const blank = /(?:[\t\n\f\r ]|\/\/[^\n]*)*/y;
const word = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const quotedField = /`[a-zA-Z0-9_.\-/ ]+`/y;
const number = /(?:0x[0-9a-fA-F]+|\d*\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+)[uU]?/y;
const quote = /(?:[bB]?[rR]?)(?:"""|'''|"|')/y;

export function lexCel(text: string): Result<readonly CelToken[], CelProblem> {
  const tokens: CelToken[] = [];
  for (let at = skip(blank, text, 0); at < text.length; ) {
    const token = tokenAt(text, at);
    if (!token.ok) return token;
    tokens.push(token.value);
    at = skip(blank, text, at + token.value.len);
  }
  tokens.push({ t: 'end', at: text.length, len: 0 });
  return ok(tokens);
}

function tokenAt(text: string, at: number): Result<CelToken, CelProblem> {
  const opening = matchAt(quote, text, at);
  if (opening !== undefined) return stringLiteral(text, at, opening);
  const name = matchAt(word, text, at);
  if (name !== undefined) return ok({ t: 'word', word: name, at, len: name.length });
  const digits = matchAt(number, text, at);
  if (digits !== undefined) return numberLiteral(text, at, digits);
  const field = matchAt(quotedField, text, at);
  if (field !== undefined)
    return ok({ t: 'quoted', word: field.slice(1, -1), at, len: field.length });
  const sign = signs.find((candidate) => text.startsWith(candidate, at));
  if (sign !== undefined) return ok({ t: 'sign', sign, at, len: sign.length });
  return err(strange(text, at));
}

/** Signs of other languages, and what CEL has in their place. */
const foreign: Readonly<Record<string, string>> = { '=': '==', '&': '&&', '|': '||' };

function strange(text: string, at: number): CelProblem {
  const found = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const expected = foreign[found];
  const message = `\`${found}\` has no meaning here`;
  return { offset: at, length: found.length, message, ...(expected && { expected }) };
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function skip(pattern: RegExp, text: string, at: number): number {
  return at + (matchAt(pattern, text, at) ?? '').length;
}
