import { systemClock } from '../base/clock.ts';
import { usageError } from './arguments.ts';
import { parseMoment } from './moment.ts';

/** The moment that a flag names; undefined when it was not given. */
export function momentOf(value: string | undefined, flag: string): number | undefined {
  if (value === undefined) return undefined;
  const moment = parseMoment(value, systemClock.nowMs());
  if (!moment.ok) throw usageError(`${flag}: ${moment.error}`);
  return moment.value;
}
