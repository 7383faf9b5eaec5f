import { ChanceryError, messageOf } from '../../base/error.ts';
import { type Log, problemFields } from '../../base/log.ts';
import {
  type ApiHandler,
  type ApiRequest,
  type RefusedReply,
  refused,
} from '../../serve/api/server.ts';
import { storeFault } from './store-problem.ts';
import { isOfStore } from './timed-store.ts';

/** What a caller hears of a handler that threw. A store that is away is no fault of ours, and the log has it already. */
export function callFault(log: Log): (error: unknown, request: ApiRequest) => RefusedReply {
  return (error, request) => {
    if (isOfStore(error)) return refused(503, storeFault(error));
    tellFault(log, error, request);
    // Another one leads by now: the same call is right in a moment.
    if (error instanceof ChanceryError) {
      return refused(error.code === 'CH5450' ? 503 : 500, error.finding);
    }
    const help =
      'the log of the control plane has more of it; it is a fault of ours, please report it';
    return refused(500, { code: 'CH5400', message: messageOf(error), help });
  };
}

/** The same calls, and what they throw is in the log as well. */
export function faultsLogged(handler: ApiHandler, log: Log): ApiHandler {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      if (!isOfStore(error)) tellFault(log, error, request);
      throw error;
    }
  };
}

function tellFault(log: Log, error: unknown, { method, path }: ApiRequest): void {
  const stack = error instanceof Error ? error.stack : undefined;
  log.error('a call of the API failed', { method, path, ...problemFields(error), stack });
}
