import { type CelFrame, chargeText, tooLong } from './frame.ts';
import { isDuration, isList, isMap, isTimestamp, noOverload } from './kind.ts';
import { isInt, magnitude } from './number.ts';
import { absent, type CelFault, type CelMap, type CelUnknown, type CelValue } from './value.ts';

/** Numbers of different kinds are equal when their values are; otherwise different types are never equal. */
export function equal(
  left: CelValue,
  right: CelValue,
  frame: CelFrame,
): boolean | CelFault | CelUnknown {
  if (typeof left === 'string') {
    if (typeof right !== 'string') return false;
    chargeText(frame, left.length);
    return left === right;
  }
  if (left === null || right === null || typeof left === 'boolean') return left === right;
  const one = magnitude(left);
  if (one !== undefined) return sameNumber(one, magnitude(right));
  if (left instanceof Uint8Array) {
    return right instanceof Uint8Array && compareBytes(left, right) === 0;
  }
  if (isList(left)) return isList(right) && equalLists(left, right, frame);
  if (isMap(left)) return isMap(right) && equalMaps(left, right, frame);
  if (isTimestamp(left)) return isTimestamp(right) && compareTimes(left, right) === 0;
  return isDuration(left) && isDuration(right) && compareTimes(left, right) === 0;
}

/** Exact where one is a bigint and the other is not, too. */
function sameNumber(one: number | bigint, other: number | bigint | undefined): boolean {
  return other !== undefined && one <= other && one >= other;
}

function equalLists(
  left: readonly CelValue[],
  right: readonly CelValue[],
  frame: CelFrame,
): boolean | CelFault | CelUnknown {
  if (left.length !== right.length) return false;
  for (const [index, value] of left.entries()) {
    frame.stepsLeft -= 1;
    if (frame.stepsLeft < 0) return tooLong;
    const same = equal(value, right[index] ?? null, frame);
    if (same !== true) return same;
  }
  return true;
}

function equalMaps(left: CelMap, right: CelMap, frame: CelFrame): boolean | CelFault | CelUnknown {
  const further = left.further ?? right.further;
  if (further !== undefined) return further;
  if (left.size !== right.size) return false;
  for (const key of left.keys()) {
    frame.stepsLeft -= 1;
    if (frame.stepsLeft < 0) return tooLong;
    const one = entryOf(left, key);
    const other = entryOf(right, key);
    if (one === undefined || other === undefined) return false;
    if (isValue(one) && isValue(other)) {
      const same = equal(one, other, frame);
      if (same !== true) return same;
    } else return isValue(one) ? failed(other) : failed(one);
  }
  return true;
}

type Entry = CelValue | CelFault | CelUnknown;

export function entryOf(map: CelMap, key: CelValue): Entry | undefined {
  const plain = plainKey(key);
  const value = plain === undefined ? undefined : map.get(plain);
  return value === absent ? undefined : value;
}

/** The form in which a map is asked for a key; undefined when no map has it. */
export function plainKey(key: CelValue): string | boolean | number | bigint | undefined {
  if (typeof key === 'string' || typeof key === 'boolean' || isInt(key)) return key;
  const value = magnitude(key);
  if (value === undefined || (typeof value === 'number' && !Number.isInteger(value)))
    return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number + 0 : BigInt(value);
}

export function isValue(entry: Entry): entry is CelValue {
  if (typeof entry !== 'object' || entry === null || !('kind' in entry)) return true;
  return entry.kind !== 'fault' && entry.kind !== 'unknown';
}

function failed(entry: Entry): CelFault | CelUnknown {
  if (!isValue(entry)) return entry;
  throw new Error('a value is no failure');
}

/** Below, at or above 0 as `left` is to `right`; NaN when neither holds. */
export function compare(left: CelValue, right: CelValue, sign: string): number | CelFault {
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  const one = magnitude(left);
  const other = magnitude(right);
  if (one !== undefined && other !== undefined)
    return one < other ? -1 : one > other ? 1 : sameNumber(one, other) ? 0 : Number.NaN;
  if (isTimestamp(left) && isTimestamp(right)) return compareTimes(left, right);
  if (isDuration(left) && isDuration(right)) return compareTimes(left, right);
  if (left instanceof Uint8Array && right instanceof Uint8Array) return compareBytes(left, right);
  return noOverload(sign, left, right);
}

interface Time {
  readonly seconds: number;
  readonly nanos: number;
}

function compareTimes(left: Time, right: Time): number {
  return left.seconds - right.seconds || left.nanos - right.nanos;
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shorter = Math.min(left.length, right.length);
  for (let at = 0; at < shorter; at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** By code points, as the specification has it. JavaScript compares UTF-16 units, where pairs come before U+E000. */
export function compareText(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  for (let at = 0; at < shorter; at += 1) {
    const one = left.charCodeAt(at);
    const other = right.charCodeAt(at);
    if (one !== other) return rank(one) - rank(other);
  }
  return left.length - right.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

export function hasKey(map: CelMap, key: string | boolean | number | bigint): boolean | CelUnknown {
  if (map.has(key) || map.further === undefined) return map.has(key);
  const entry = entryOf(map, key);
  return entry !== undefined && !isValue(entry) && entry.kind === 'unknown' ? entry : false;
}

/** Whether a list has the value or a map the key. */
export function isIn(
  value: CelValue,
  container: CelValue,
  frame: CelFrame,
): boolean | CelFault | CelUnknown {
  if (isMap(container)) {
    const key = plainKey(value);
    return key !== undefined && hasKey(container, key);
  }
  if (!isList(container)) return noOverload('in', value, container);
  for (const element of container) {
    frame.stepsLeft -= 1;
    if (frame.stepsLeft < 0) return tooLong;
    const same = equal(value, element, frame);
    if (same !== false) return same;
  }
  return false;
}
