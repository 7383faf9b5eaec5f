import type { Server } from 'node:http';
import { ChanceryError, messageOf } from '../../base/error.ts';
import { http } from '../../serve/api/node-http.ts';
import { refused, serveRequest } from '../../serve/api/server.ts';
import { type Operations, operationsApi } from './operations.ts';

export interface MetricsAddress {
  readonly address: string;
  readonly port: number;
}

/** A few that watch, each with a connection or two. */
const connectionsMax = 100;

/**
 * Health and metrics without TLS and for whoever can reach them: what they tell names no service, host or person. Open
 * before anything else is, so that a control plane that does not get ready says why.
 */
export async function listenForMetrics(
  { address, port }: MetricsAddress,
  operations: Operations,
): Promise<Server> {
  const peer = { kind: 'anonymous', reason: 'nobody is asked for here' } as const;
  const server = http.createServer((request, response) => {
    serveRequest(
      async (call) =>
        (await operationsApi(operations, call)) ??
        refused(404, { code: 'CH5405', message: `there is no ${call.method} ${call.path} here` }),
      peer,
      request,
      response,
    );
  });
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(address, port, cause)));
    server.listen(port, address, resolve);
  });
  return server;
}

function cannotListen(address: string, port: number, cause: Error): ChanceryError {
  return new ChanceryError(
    {
      code: 'CH5440',
      message: `health and metrics cannot be served on ${address}:${port}: ${messageOf(cause)}`,
      help: 'take another --metrics-address',
    },
    { cause },
  );
}
