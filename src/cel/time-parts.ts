import type { CelTimePart } from './expr.ts';
import type { CelAnswer } from './frame.ts';
import { isDuration, isTimestamp, noOverload } from './kind.ts';
import { zoneOffset } from './time-zone.ts';
import type { CelDuration, CelTimestamp, CelValue } from './value.ts';

/** A part of a timestamp, in UTC without a zone, or of a duration as a whole. */
export function timePart(part: CelTimePart, time: CelValue, zone: CelValue | undefined): CelAnswer {
  if (isDuration(time) && zone === undefined)
    return ofDuration(part, time) ?? noOverload(part, time);
  if (!isTimestamp(time)) return noOverload(part, time);
  if (zone === undefined) return ofTimestamp(part, time, 0);
  if (typeof zone !== 'string') return noOverload(part, time, zone);
  const offset = zoneOffset(zone, time.seconds);
  if (offset !== undefined) return ofTimestamp(part, time, offset);
  return { kind: 'fault', message: 'this is no time zone' };
}

/** Hours, minutes and seconds are of the whole duration; milliseconds are those within its second. */
function ofDuration(part: CelTimePart, { seconds, nanos }: CelDuration): number | undefined {
  switch (part) {
    case 'getHours':
      return Math.trunc(seconds / 3600) + 0;
    case 'getMinutes':
      return Math.trunc(seconds / 60) + 0;
    case 'getSeconds':
      return seconds;
    case 'getMilliseconds':
      return Math.trunc(nanos / 1_000_000) + 0;
    default:
      return undefined;
  }
}

function ofTimestamp(part: CelTimePart, time: CelTimestamp, offsetSeconds: number): number {
  const seconds = time.seconds + offsetSeconds;
  const ofDay = seconds - Math.floor(seconds / 86_400) * 86_400;
  switch (part) {
    case 'getHours':
      return Math.floor(ofDay / 3600);
    case 'getMinutes':
      return Math.floor(ofDay / 60) % 60;
    case 'getSeconds':
      return ofDay % 60;
    case 'getMilliseconds':
      return Math.floor(time.nanos / 1_000_000);
    case 'getDayOfWeek':
      return weekday(Math.floor(seconds / 86_400));
    default:
      return ofDate(part, new Date(seconds * 1000));
  }
}

/** 0 is Sunday; 1970-01-01 was a Thursday. */
function weekday(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}

function ofDate(
  part: 'getFullYear' | 'getMonth' | 'getDate' | 'getDayOfMonth' | 'getDayOfYear',
  date: Date,
): number {
  switch (part) {
    case 'getFullYear':
      return date.getUTCFullYear();
    case 'getMonth':
      return date.getUTCMonth();
    case 'getDate':
      return date.getUTCDate();
    case 'getDayOfMonth':
      return date.getUTCDate() - 1;
    case 'getDayOfYear':
      return dayOfYear(date);
  }
}

function dayOfYear(date: Date): number {
  const first = new Date(0).setUTCFullYear(date.getUTCFullYear(), 0, 1);
  return Math.floor((date.getTime() - first) / 86_400_000);
}
