import type { CelAnswer } from './frame.ts';
import { isDuration, isTimestamp } from './kind.ts';
import type { CelDuration, CelFault, CelTimestamp, CelValue } from './value.ts';

/** From 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, as the specification has it. */
const secondsMin = -62_135_596_800;
const secondsMax = 253_402_300_799;
const nanosOfSecond = 1_000_000_000;
/** A duration is 64 bits of nanoseconds. */
const durationNanosMax = 2n ** 63n - 1n;

/** No duration or timestamp is longer in text. */
const textLengthMax = 128;

const timestampRange: CelFault = {
  kind: 'fault',
  message: 'the time is not within years 1 to 9999',
};
const durationRange: CelFault = {
  kind: 'fault',
  message: 'the duration does not fit into 64 bits',
};

function timestampOf(seconds: number, nanos: number): CelTimestamp | CelFault {
  const carry = Math.floor(nanos / nanosOfSecond);
  const whole = seconds + carry;
  if (whole < secondsMin || whole > secondsMax) return timestampRange;
  return { kind: 'timestamp', seconds: whole, nanos: nanos - carry * nanosOfSecond };
}

export function timestampFromSeconds(seconds: number): CelTimestamp | CelFault {
  return timestampOf(seconds, 0);
}

/** Exact: the seconds of a duration are below 2^34. */
function durationOf(seconds: number, nanos: number): CelDuration | CelFault {
  const total = BigInt(seconds) * BigInt(nanosOfSecond) + BigInt(nanos);
  if (total > durationNanosMax || total < -durationNanosMax - 1n) return durationRange;
  return durationOfNanos(total);
}

function durationOfNanos(total: bigint): CelDuration {
  const unit = BigInt(nanosOfSecond);
  return { kind: 'duration', seconds: Number(total / unit), nanos: Number(total % unit) };
}

/** Undefined when these are no times, or the sign means nothing for them. */
export function timeArithmetic(
  sign: string,
  left: CelValue,
  right: CelValue,
): CelAnswer | undefined {
  if (sign !== '+' && sign !== '-') return undefined;
  const factor = sign === '+' ? 1 : -1;
  if (isTimestamp(left) && isDuration(right))
    return timestampOf(left.seconds + factor * right.seconds, left.nanos + factor * right.nanos);
  if (isDuration(left) && isTimestamp(right))
    return sign === '+' ? timeArithmetic('+', right, left) : undefined;
  if (isDuration(left) && isDuration(right))
    return durationOf(left.seconds + factor * right.seconds, left.nanos + factor * right.nanos);
  if (isTimestamp(left) && isTimestamp(right) && sign === '-')
    return durationOf(left.seconds - right.seconds, left.nanos - right.nanos);
  return undefined;
}

const rfc3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** RFC 3339, and only days that there are. */
export function parseTimestamp(text: string): CelTimestamp | CelFault {
  const match = text.length > textLengthMax ? null : rfc3339.exec(text);
  if (match === null) return noTimestamp;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  const offset = (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * 60;
  const inRange = hour < 24 && minute < 60 && second < 60 && offset < 86_400;
  if (!inRange || Number(match[10] ?? 0) > 59 || !isDay(year, month, day)) return noTimestamp;
  const days = daysSince1970(year, month, day);
  const seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
  const nanos = Number((match[7] ?? '').padEnd(9, '0'));
  return timestampOf(seconds - (match[8] === '-' ? -offset : offset), nanos);
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const length = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return day <= length;
}

/** `Date.UTC` takes years below 100 for ones of 1900. */
function daysSince1970(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day) / 86_400_000;
}

const noTimestamp: CelFault = {
  kind: 'fault',
  message: 'this is no time like 2026-01-31T09:00:00Z',
};

const nanosOfUnit: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ns: 1n,
};

const durationText = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|μs|ns))+)$/;
const durationPart = /(\d*)\.?(\d*)(h|ms|m|s|us|µs|μs|ns)/g;

/** As Go writes durations: `1h30m`, `-1.5s`. What is below a nanosecond is cut off. */
export function parseDuration(text: string): CelDuration | CelFault {
  if (text.length > textLengthMax || !durationText.test(text)) return noDuration;
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(durationPart)) {
    const nanos = nanosOfUnit[unit] ?? 0n;
    total += BigInt(whole || '0') * nanos;
    total += (BigInt(fraction || '0') * nanos) / 10n ** BigInt(fraction.length);
  }
  const signed = text.startsWith('-') ? -total : total;
  if (signed > durationNanosMax || signed < -durationNanosMax - 1n) return durationRange;
  return durationOfNanos(signed);
}

const noDuration: CelFault = { kind: 'fault', message: 'this is no duration like 1h30m or 1.5s' };

/** RFC 3339 in UTC with 0, 3, 6 or 9 digits of a second, as protobuf's JSON has it. */
export function timestampText(time: CelTimestamp): string {
  const date = new Date(time.seconds * 1000).toISOString().slice(0, 19);
  return `${date}${fractionText(time.nanos)}Z`;
}

export function durationTextOf(duration: CelDuration): string {
  const sign = duration.seconds < 0 || duration.nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(duration.seconds)}${fractionText(Math.abs(duration.nanos))}s`;
}

function fractionText(nanos: number): string {
  if (nanos === 0) return '';
  return `.${String(nanos)
    .padStart(9, '0')
    .replace(/(?:000){1,2}$/, '')}`;
}
