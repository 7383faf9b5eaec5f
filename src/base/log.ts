import type { Clock } from './clock.ts';
import { ChanceryError, messageOf } from './error.ts';
import type { Finding } from './finding.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** A process's own log: one JSON object a line. The message is fixed text; what varies is in fields. */
export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** `component`: which program says it. */
export function jsonLog(component: string, clock: Clock, write: (line: string) => void): Log {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      const time = new Date(clock.nowMs()).toISOString();
      write(`${JSON.stringify({ time, level, component, message, ...fields })}\n`);
    };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

type Told = Pick<Finding, 'code' | 'message' | 'at' | 'expected' | 'found' | 'notes' | 'help'>;

/** A finding in fields. */
export function findingFields({
  code,
  message,
  at,
  expected,
  found,
  notes,
  help,
}: Told): LogFields {
  return { code, problem: message, at, expected, found, notes, help };
}

/** What was thrown, with its code where it has one. */
export function problemFields(thrown: unknown): LogFields {
  if (thrown instanceof ChanceryError) return findingFields(thrown.finding);
  return { problem: messageOf(thrown) };
}
