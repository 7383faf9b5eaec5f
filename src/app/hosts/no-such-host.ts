import { nearestName } from '../../base/nearest.ts';
import { type ApiReply, refused } from '../../serve/api/server.ts';

/** `known`: the hosts that there are. */
export function noSuchHost(name: string, known: readonly string[]): ApiReply {
  const nearest = nearestName(name, known);
  return refused(404, {
    ...(nearest === undefined ? {} : { nearest }),
    code: 'CH3110',
    message: `there is no host ${name}`,
    help: 'chancery host list shows all',
  });
}
