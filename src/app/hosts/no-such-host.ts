import { type ApiReply, refused } from '../../serve/api/server.ts';

export function noSuchHost(name: string): ApiReply {
  return refused(404, {
    code: 'CH3110',
    message: `there is no host ${name}`,
    help: 'chancery host list shows all',
  });
}
