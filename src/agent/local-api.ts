import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { keepApiSocket } from '../serve/api/kept-api.ts';
import { type ApiHandler, refused } from '../serve/api/server.ts';
import { type AgentHealthReply, paths } from '../serve/api/wire.ts';
import type { KeptSocket } from '../serve/grpc/kept-socket.ts';
import { makePrivateFolder } from './socket-folder.ts';

/**
 * The agent's own socket: what it says of itself to whoever runs this host (`chancery host health`), also when the control
 * plane is away. The operator's and root's only, by the kernel's word.
 */
export function listenAgentApi(
  path: string,
  health: () => AgentHealthReply,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<KeptSocket> {
  const handler: ApiHandler = async (request) =>
    request.method === 'GET' && request.path === paths.agentHealth
      ? { kind: 'json', body: health() }
      : refused(404, { code: 'CH5405', message: `there is no ${request.method} ${request.path}` });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const makeFolder = (): void => makePrivateFolder(dirname(path));
  return keepApiSocket(
    { socket: path, of: "the agent's own socket", makeFolder, clock, log },
    handler,
  );
}
