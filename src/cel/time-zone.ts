import { zonesMax } from './limits.ts';

/** Names of zones are shorter. */
const nameLengthMax = 64;

/**
 * From here on every clock of the world has stood at whole minutes and changed at them (Liberia was the last one to
 * correct its, in 1972), so that the offset of one minute is asked for once.
 */
const wholeMinutesSince = Date.UTC(1973, 0, 1) / 1000;

interface Zone {
  readonly format: Intl.DateTimeFormat;
  minute: number;
  offsetSeconds: number;
}

/** By name, the least lately used first. */
const zones = new Map<string, Zone>();

/** Seconds east of Greenwich at a time; undefined when this is no zone. Names are those of IANA, or `UTC`, or `+01:30`. */
export function zoneOffset(name: string, unixSeconds: number): number | undefined {
  const fixed = fixedOffset(name);
  if (fixed !== undefined) return fixed;
  const zone = zoneOf(name);
  if (zone === undefined) return undefined;
  if (unixSeconds < wholeMinutesSince) return offsetAt(zone.format, unixSeconds);
  const minute = Math.floor(unixSeconds / 60);
  if (minute !== zone.minute) {
    zone.minute = minute;
    zone.offsetSeconds = offsetAt(zone.format, unixSeconds);
  }
  return zone.offsetSeconds;
}

/** The specification has `-08:00`, and a missing sign for `+`. */
function fixedOffset(name: string): number | undefined {
  if (name === 'UTC') return 0;
  const first = name.charCodeAt(name.length - 3);
  if (first !== 0x3a) return undefined;
  const match = /^([+-]?)(\d\d):(\d\d)$/.exec(name);
  if (match === null) return undefined;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  if (minutes >= 24 * 60 || Number(match[3]) > 59) return undefined;
  return (match[1] === '-' ? -minutes : minutes) * 60;
}

function zoneOf(name: string): Zone | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  // `Intl` would take offsets in other forms, too.
  if (name.length > nameLengthMax || !/^[A-Za-z]/.test(name)) return undefined;
  const format = formatOf(name);
  if (format === undefined) return undefined;
  const zone = { format, minute: Number.NaN, offsetSeconds: 0 };
  const oldest = zones.keys().next();
  if (zones.size >= zonesMax && oldest.done !== true) zones.delete(oldest.value);
  zones.set(name, zone);
  return zone;
}

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  } catch {
    return undefined;
  }
}

/** `GMT+01:00`; `GMT` alone is no offset, and old local times have seconds. */
function offsetAt(format: Intl.DateTimeFormat, unixSeconds: number): number {
  const part = format.formatToParts(unixSeconds * 1000).find(({ type }) => type === 'timeZoneName');
  const match = /^GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(part?.value ?? '');
  if (match === null) return 0;
  const seconds = (Number(match[2]) * 60 + Number(match[3])) * 60 + Number(match[4] ?? 0);
  return match[1] === '-' ? -seconds : seconds;
}
