import type { Log, LogFields } from '../../base/log.ts';
import type { Tracing } from './tracing.ts';

/** A line about a commit also names its trace, where it has one. */
export function tracedLog(log: Log, tracing: Pick<Tracing, 'traceIdOf'>): Log {
  const traced = (fields: LogFields = {}): LogFields => {
    const { commit } = fields;
    const traceId = typeof commit === 'string' ? tracing.traceIdOf(commit) : undefined;
    return traceId === undefined ? fields : { ...fields, traceId };
  };
  return {
    info: (message, fields) => log.info(message, traced(fields)),
    warn: (message, fields) => log.warn(message, traced(fields)),
    error: (message, fields) => log.error(message, traced(fields)),
  };
}
