import { systemClock } from '../base/clock.ts';
import { type Help, usageError } from './arguments.ts';
import { parseMoment } from './moment.ts';

/** The moment that a flag names; undefined when it was not given. */
export function momentOf(value: unknown, flag: string, help: Help): number | undefined {
  if (typeof value !== 'string') return undefined;
  const moment = parseMoment(value, systemClock.nowMs());
  if (!moment.ok) throw usageError(`${flag}: ${moment.error}`, help);
  return moment.value;
}
