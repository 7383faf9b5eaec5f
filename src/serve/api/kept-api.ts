import { chmodSync } from 'node:fs';
import { type KeptSocket, type KeptSocketParts, keepSocket } from '../grpc/kept-socket.ts';
import { type ApiHandler, createApiServer } from './server.ts';

/** The API at a socket file of this user only, which is made again when it is removed. */
export function keepApiSocket(
  parts: Omit<KeptSocketParts, 'listen'>,
  handler: ApiHandler,
): Promise<KeptSocket> {
  const { socket } = parts;
  const listen: KeptSocketParts['listen'] = async () => {
    const server = createApiServer(handler);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socket, resolve);
    });
    chmodSync(socket, 0o600);
    return {
      leave: (gone) => server.close(gone),
      close: () => {
        server.closeAllConnections();
        server.close();
      },
    };
  };
  return keepSocket({ ...parts, listen });
}
