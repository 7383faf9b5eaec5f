import { err, ok, type Result } from '../base/result.ts';
import type { CelLiteral } from './expr.ts';
import type { CelToken } from './lex.ts';
import type { CelProblem } from './problem.ts';

const intMax = 2n ** 63n - 1n;
const uintMax = 2n ** 64n - 1n;

/** A number as it stands in a text; whether an int fits shows only with its sign. */
export function numberLiteral(
  text: string,
  at: number,
  digits: string,
): Result<CelToken, CelProblem> {
  const place = { at, len: digits.length };
  const glued = /^[_a-zA-Z0-9.]/.exec(text.slice(at + digits.length, at + digits.length + 1));
  if (glued !== null && !/^\.[a-zA-Z_]/.test(text.slice(at + digits.length)))
    return err(problem(place, `a number can not be followed by \`${glued[0]}\``));
  if (/[uU]$/.test(digits)) return uintLiteral(digits.slice(0, -1), place);
  if (/[.eE]/.test(digits) && !digits.startsWith('0x'))
    return ok({ t: 'literal', literal: doubleLiteral(Number(digits)), ...place });
  return ok({ t: 'digits', digits, ...place });
}

/** Undefined when it does not fit into 64 bits. */
export function intLiteral(digits: string, negative: boolean): CelLiteral | undefined {
  const value = negative ? -BigInt(digits) : BigInt(digits);
  if (value > intMax || value < -intMax - 1n) return undefined;
  return { k: 'int', v: short(value) };
}

export function doubleLiteral(value: number): CelLiteral & { readonly k: 'double' } {
  return { k: 'double', v: Number.isFinite(value) ? value : 'Infinity' };
}

function uintLiteral(
  digits: string,
  place: { readonly at: number; readonly len: number },
): Result<CelToken, CelProblem> {
  if (/[.eE]/.test(digits) && !digits.startsWith('0x'))
    return err(problem(place, 'an unsigned number has no fraction and no exponent'));
  const value = BigInt(digits);
  if (value > uintMax) return err(problem(place, 'the number does not fit into 64 bits'));
  return ok({ t: 'literal', literal: { k: 'uint', v: short(value) }, ...place });
}

function short(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function problem(
  { at, len }: { readonly at: number; readonly len: number },
  message: string,
): CelProblem {
  return { offset: at, length: len, message };
}
