import { mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import { createApiServer, refused } from '../serve/api/server.ts';
import { type AgentHealthReply, paths } from '../serve/api/wire.ts';

/**
 * The agent's own socket: what it says of itself to whoever runs this host (`chancery host health`), also when the control
 * plane is away. The operator's and root's only, by the kernel's word.
 */
export async function listenAgentApi(
  path: string,
  health: () => AgentHealthReply,
): Promise<Server> {
  const server = createApiServer(async (request) =>
    request.method === 'GET' && request.path === paths.agentHealth
      ? { kind: 'json', body: health() }
      : refused(404, { code: 'CH5405', message: `there is no ${request.method} ${request.path}` }),
  );
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return server;
}
