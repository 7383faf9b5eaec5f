import { isDouble, isList, isMap, isTimestamp, isUint } from './kind.ts';
import { isInt } from './number.ts';
import { durationTextOf, timestampText } from './time.ts';
import type { CelKey, CelValue } from './value.ts';

/** What is shown of a value that a request brought: a line of a terminal. */
const textLengthMax = 100;
const elementsShown = 8;

/** A value as it would be written in a condition, cut where it grows long. */
export function celText(value: CelValue): string {
  if (value === null || typeof value === 'boolean' || isInt(value)) return String(value);
  if (typeof value === 'string') return JSON.stringify(cut(value));
  if (isList(value)) return `[${some(value, value.length)}]`;
  if (value instanceof Uint8Array) return `b"${cut(Buffer.from(value).toString('hex'))}"`;
  if (isMap(value)) return `{${some(keysOf(value.keys()), value.size)}}`;
  if (isUint(value)) return `${value.value}u`;
  if (isDouble(value)) return String(value.value);
  if (isTimestamp(value)) return `timestamp("${timestampText(value)}")`;
  return `duration("${durationTextOf(value)}")`;
}

function cut(text: string): string {
  return text.length <= textLengthMax ? text : `${text.slice(0, textLengthMax)}…`;
}

function some(values: readonly CelValue[], count: number): string {
  const shown = values.slice(0, elementsShown).map(celText).join(', ');
  return count > elementsShown ? `${shown}, … ${count - elementsShown} more` : shown;
}

function keysOf(keys: Iterable<CelKey>): readonly CelKey[] {
  return Iterator.from(keys).take(elementsShown).toArray();
}
