import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { Protocol } from '../../model/types.ts';

/** Stands for the application: whatever comes, it says that it came. */
export interface Application {
  readonly port: number;
  /** Requests; of HTTP/1.1 connections with something in them, of TCP connections. */
  readonly reached: number;
  close(): void;
}

const plainAnswers = {
  http: 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
  tcp: 'reached',
} as const;

export async function openApplication(protocol: Protocol): Promise<Application> {
  let reached = 0;
  const hit = (): void => {
    reached += 1;
  };
  const sockets = new Set<{ destroy(): void }>();
  const server =
    protocol === 'http' || protocol === 'tcp' ? plainServer(protocol, hit) : http2Server(hit);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get reached() {
      return reached;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Reads nothing of what comes, so that nothing can be wrong with it. */
function plainServer(protocol: keyof typeof plainAnswers, hit: () => void): Server {
  return createServer((socket) => {
    // Nobody who is refused gets as far as a connection.
    if (protocol === 'tcp') hit();
    socket.once('data', () => {
      if (protocol === 'http') hit();
      socket.end(plainAnswers[protocol]);
    });
  });
}

function http2Server(hit: () => void): Server {
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream) => {
    hit();
    stream.on('error', () => {});
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.end();
  });
  return server;
}
