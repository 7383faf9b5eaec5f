import { type CelAnswer, type CelFrame, chargeText, tooLong } from './frame.ts';
import { isList, isMap, noOverload } from './kind.ts';
import { listLengthMax, stringLengthMax } from './limits.ts';
import { isInt } from './number.ts';
import type { CelFault, CelUnknown, CelValue } from './value.ts';

const longString: CelFault = {
  kind: 'fault',
  message: `a string is put together of more than ${stringLengthMax} characters`,
};
const longList: CelFault = {
  kind: 'fault',
  message: `a list is put together of more than ${listLengthMax} elements`,
};

/** Undefined when these are not to be put together. */
export function concatenated(
  left: CelValue,
  right: CelValue,
  frame: CelFrame,
): CelAnswer | undefined {
  if (typeof left === 'string' && typeof right === 'string') {
    const length = left.length + right.length;
    chargeText(frame, length);
    return length > stringLengthMax ? longString : left + right;
  }
  if (left instanceof Uint8Array && right instanceof Uint8Array) {
    const length = left.length + right.length;
    chargeText(frame, length);
    return length > stringLengthMax ? longString : Buffer.concat([left, right]);
  }
  if (!isList(left) || !isList(right)) return undefined;
  frame.stepsLeft -= left.length + right.length;
  return left.length + right.length > listLengthMax ? longList : [...left, ...right];
}

/** Characters are code points. */
export function sizeOf(value: CelValue, frame: CelFrame): CelAnswer | CelUnknown {
  if (typeof value === 'string') {
    chargeText(frame, value.length);
    return codePoints(value);
  }
  if (isList(value) || value instanceof Uint8Array) return value.length;
  return isMap(value) ? (value.further ?? value.size) : noOverload('size', value);
}

function codePoints(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length - 1; at += 1) {
    if ((text.charCodeAt(at) & 0xfc00) !== 0xd800) continue;
    if ((text.charCodeAt(at + 1) & 0xfc00) !== 0xdc00) continue;
    pairs += 1;
    at += 1;
  }
  return text.length - pairs;
}

/** V8 looks for a needle of up to this length in time that grows with the text alone. */
const nativeNeedleMax = 200;

/** In time linear in both, whatever they are: both may come from whoever sends the request. */
export function indexIn(text: string, needle: string, from = 0): number {
  if (needle.length <= nativeNeedleMax) return text.indexOf(needle, from);
  const borders = bordersOf(needle);
  let matched = 0;
  for (let at = from; at < text.length; at += 1) {
    while (matched > 0 && text.charCodeAt(at) !== needle.charCodeAt(matched))
      matched = borders[matched - 1] ?? 0;
    if (text.charCodeAt(at) === needle.charCodeAt(matched)) matched += 1;
    if (matched === needle.length) return at - matched + 1;
  }
  return -1;
}

/** Knuth, Morris and Pratt: for each prefix the length of its longest border. */
function bordersOf(needle: string): Uint32Array {
  const borders = new Uint32Array(needle.length);
  let length = 0;
  for (let at = 1; at < needle.length; at += 1) {
    while (length > 0 && needle.charCodeAt(at) !== needle.charCodeAt(length))
      length = borders[length - 1] ?? 0;
    if (needle.charCodeAt(at) === needle.charCodeAt(length)) length += 1;
    borders[at] = length;
  }
  return borders;
}

export function contains(text: CelValue, needle: CelValue, frame: CelFrame): CelAnswer {
  if (typeof text !== 'string' || typeof needle !== 'string')
    return noOverload('contains', text, needle);
  chargeText(frame, text.length + needle.length);
  return frame.stepsLeft < 0 ? tooLong : indexIn(text, needle) >= 0;
}

/** Only A to Z: what a letter of other alphabets turns into depends on a language. */
export function lowerAscii(text: CelValue, frame: CelFrame): CelAnswer {
  if (typeof text !== 'string') return noOverload('lowerAscii', text);
  chargeText(frame, text.length);
  if (frame.stepsLeft < 0) return tooLong;
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

export function upperAscii(text: CelValue, frame: CelFrame): CelAnswer {
  if (typeof text !== 'string') return noOverload('upperAscii', text);
  chargeText(frame, text.length);
  if (frame.stepsLeft < 0) return tooLong;
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/**
 * As the strings extension of cel-go: an empty separator splits into characters; a limit keeps the rest in the last part, 0
 * gives none and a negative one all.
 */
export function split(
  text: CelValue,
  separator: CelValue,
  limit: CelValue,
  frame: CelFrame,
): CelAnswer {
  if (typeof text !== 'string' || typeof separator !== 'string' || !isInt(limit))
    return noOverload('split', text, separator, limit);
  chargeText(frame, text.length + separator.length);
  if (frame.stepsLeft < 0) return tooLong;
  const partsMax = limit < 0 ? Number.POSITIVE_INFINITY : Number(limit);
  if (partsMax === 0) return [];
  const parts = separator === '' ? characters(text, partsMax) : pieces(text, separator, partsMax);
  frame.stepsLeft -= parts?.length ?? 0;
  return parts ?? longList;
}

function pieces(text: string, separator: string, partsMax: number): string[] | undefined {
  const parts: string[] = [];
  let start = 0;
  while (parts.length < partsMax - 1) {
    const end = indexIn(text, separator, start);
    if (end < 0) break;
    parts.push(text.slice(start, end));
    if (parts.length >= listLengthMax) return undefined;
    start = end + separator.length;
  }
  parts.push(text.slice(start));
  return parts;
}

function characters(text: string, partsMax: number): string[] | undefined {
  const parts: string[] = [];
  let start = 0;
  for (const character of text) {
    if (parts.length >= partsMax - 1) break;
    parts.push(character);
    if (parts.length >= listLengthMax) return undefined;
    start += character.length;
  }
  if (start < text.length) parts.push(text.slice(start));
  return parts;
}
