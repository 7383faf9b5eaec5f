import { err, ok, type Result } from '../base/result.ts';

const unitsMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const momentForms = '2026-03-01T14:02:00Z, 2026-03-01 14:02, 14:02, "yesterday 14:02" or "10m ago"';

/**
 * A moment as people type it. Without a zone it is in that of this machine; a time of day that is still to come today
 * was yesterday's.
 */
export function parseMoment(text: string, nowMs: number): Result<number, string> {
  const atMs = momentMs(text.trim(), nowMs);
  if (atMs === undefined || !Number.isFinite(atMs)) {
    return err(`"${text}" is not a time such as ${momentForms}`);
  }
  if (atMs < 0) return err(`"${text}" is before 1970, and before any mesh`);
  if (atMs > nowMs) return err(`"${text}" is still to come; the ledger knows what was`);
  return ok(atMs);
}

function momentMs(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs;
  const ago = /^(\d{1,6}) ?([smhd])(?: ago)?$/.exec(text);
  if (ago !== null) return nowMs - Number(ago[1]) * (unitsMs[ago[2] ?? ''] ?? Number.NaN);
  const clock = /^(?:(today|yesterday) )?(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (clock !== null) return timeOfDay(clock, nowMs);
  const date =
    /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/.exec(
      text,
    );
  if (date === null) return undefined;
  const [, year, month, day, hour = '00', minute = '00'] = date;
  // The engine moves the 31st of February on; that is no date that somebody meant.
  const calendar = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  if (calendar.getUTCMonth() !== Number(month) - 1) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59) return undefined;
  return Date.parse(text.includes(':') ? text.replace(' ', 'T') : `${text}T00:00`);
}

function timeOfDay(clock: RegExpExecArray, nowMs: number): number | undefined {
  const [, day, hour, minute, second = '0'] = clock;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const then = new Date(nowMs);
  then.setHours(Number(hour), Number(minute), Number(second), 0);
  const isYesterday = day === 'yesterday' || (day === undefined && then.getTime() > nowMs);
  if (isYesterday) then.setDate(then.getDate() - 1);
  return then.getTime();
}
