import { chmodSync, rmSync } from 'node:fs';
import { type ApiHandler, createApiServer } from '../serve/api/server.ts';

/** The operators' socket, which only this user may open. */
export interface LocalDoor {
  /** From the next call on. */
  serve(handler: ApiHandler): void;
  close(): void;
}

export async function listenLocally(socket: string, first: ApiHandler): Promise<LocalDoor> {
  let handler = first;
  const api = createApiServer((request) => handler(request));
  rmSync(socket, { force: true });
  await new Promise<void>((resolve, reject) => {
    api.once('error', reject);
    api.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return {
    serve: (next) => {
      handler = next;
    },
    close: () => {
      api.closeAllConnections();
      api.close();
    },
  };
}
