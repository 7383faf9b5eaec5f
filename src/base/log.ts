import type { Clock } from './clock.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** A process's own log: one JSON object a line. The message is fixed text; what varies is in fields. */
export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export function jsonLog(part: string, clock: Clock, write: (line: string) => void): Log {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      const time = new Date(clock.nowMs()).toISOString();
      write(`${JSON.stringify({ time, level, part, message, ...fields })}\n`);
    };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
