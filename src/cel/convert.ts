import type { CelConversion } from './expr.ts';
import type { CelAnswer } from './frame.ts';
import { isDouble, isDuration, isTimestamp, isUint, kindOf } from './kind.ts';
import { intOf, isInt, magnitude, uintOf } from './number.ts';
import {
  durationTextOf,
  parseDuration,
  parseTimestamp,
  timestampFromSeconds,
  timestampText,
} from './time.ts';
import { type CelFault, type CelUint, type CelValue, celDouble } from './value.ts';

/** Digits of 64 bits, and room for zeros before them. */
const digitsMax = 64;

/** What can not be converted is a fault, never a guess. It does not say the value: faults go to logs, and values may be secret. */
export function convert(to: CelConversion, value: CelValue): CelAnswer {
  return converted(to, value) ?? fault(`this ${kindOf(value)} can not be converted to ${to}`);
}

function fault(message: string): CelFault {
  return { kind: 'fault', message };
}

function converted(to: CelConversion, value: CelValue): CelAnswer | undefined {
  switch (to) {
    case 'int':
      return toInt(value);
    case 'uint':
      return toUint(value);
    case 'double':
      return toDouble(value);
    case 'string':
      return toText(value);
    case 'bytes':
      return typeof value === 'string' ? Buffer.from(value, 'utf8') : ofBytes(value);
    case 'bool':
      return typeof value === 'string' ? bools.get(value) : ofBool(value);
    case 'dyn':
      return value;
    case 'timestamp':
      return toTimestamp(value);
    case 'duration':
      return typeof value === 'string' ? parseDuration(value) : ofDuration(value);
  }
}

function ofBytes(value: CelValue): CelAnswer | undefined {
  return value instanceof Uint8Array ? value : undefined;
}

function ofBool(value: CelValue): CelAnswer | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function ofDuration(value: CelValue): CelAnswer | undefined {
  return isDuration(value) ? value : undefined;
}

function toTimestamp(value: CelValue): CelAnswer | undefined {
  if (typeof value === 'string') return parseTimestamp(value);
  if (isInt(value)) return timestampFromSeconds(Number(value));
  return isTimestamp(value) ? value : undefined;
}

function toInt(value: CelValue): number | bigint | undefined {
  if (isInt(value)) return value;
  if (isTimestamp(value)) return value.seconds;
  const whole = wholeOf(value, /^[+-]?\d+$/);
  return whole === undefined ? undefined : intOf(whole);
}

function toUint(value: CelValue): CelUint | undefined {
  const whole = wholeOf(value, /^\d+$/);
  return whole === undefined ? undefined : uintOf(whole);
}

/** Doubles are cut towards zero; the edges of 64 bits that a double can not hold are refused as the specification does. */
function wholeOf(value: CelValue, digits: RegExp): bigint | undefined {
  if (isInt(value)) return BigInt(value);
  if (isUint(value)) return value.value;
  if (typeof value === 'string')
    return value.length <= digitsMax && digits.test(value) ? BigInt(value) : undefined;
  if (!isDouble(value) || !Number.isFinite(value.value) || value.value === -(2 ** 63))
    return undefined;
  return digits.source.includes('-') || value.value >= 0
    ? BigInt(Math.trunc(value.value))
    : undefined;
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const infinite = /^([+-]?)inf(?:inity)?$/i;

function toDouble(value: CelValue): CelAnswer | undefined {
  if (typeof value === 'string') return textToDouble(value);
  const number = magnitude(value);
  return number === undefined ? undefined : celDouble(Number(number));
}

function textToDouble(text: string): CelAnswer | undefined {
  if (text.length > digitsMax) return undefined;
  if (/^nan$/i.test(text)) return celDouble(Number.NaN);
  const sign = infinite.exec(text)?.[1];
  if (sign !== undefined)
    return celDouble(sign === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
  const number = decimal.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? celDouble(number) : undefined;
}

/** The words of Go, which the specification follows. */
const bools: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((word) => [word, false] as const),
]);

function toText(value: CelValue): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || isInt(value)) return String(value);
  if (isUint(value) || isDouble(value)) return String(value.value);
  if (isTimestamp(value)) return timestampText(value);
  if (isDuration(value)) return durationTextOf(value);
  return value instanceof Uint8Array ? utf8(value) : undefined;
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
