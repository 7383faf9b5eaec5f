import { chmodSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { type ApiHandler, createApiServer } from '../serve/api/server.ts';

/** The operators' socket, which only this user may open. */
export async function listenLocally(socket: string, handler: ApiHandler): Promise<Server> {
  const api = createApiServer(handler);
  rmSync(socket, { force: true });
  await new Promise<void>((resolve, reject) => {
    api.once('error', reject);
    api.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return api;
}
