import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { collect, frame, GrpcError, grpcStatus, unframe } from './grpc.ts';
import { contextOf, json, printLine, type RunningApp } from './lib.ts';

/** Calls under way get this long to finish after SIGTERM. */
const stopGraceMs = 3000;

/** `package.Service/Method` to what answers it, on encoded messages. */
export type GrpcMethods = Readonly<Record<string, (message: Uint8Array) => Uint8Array>>;

export function serveGrpc(
  name: string,
  methods: GrpcMethods,
  port: number,
  log = printLine,
): Promise<RunningApp> {
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.once('close', () => sessions.delete(session));
    session.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      void answer(name, methods, stream, headers, log);
    });
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const session of sessions) session.close();
      const end = (): void => {
        for (const session of sessions) session.destroy();
      };
      setTimeout(end, stopGraceMs).unref();
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      resolve({ port: (server.address() as AddressInfo).port, close });
    });
  });
}

async function answer(
  name: string,
  methods: GrpcMethods,
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  log: (line: string) => void,
): Promise<void> {
  const path = headers[':path'] ?? '/';
  if (headers[':method'] === 'GET' && path === '/healthz') {
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(json(200, { service: name, ok: true }).body);
    return;
  }
  const startMs = performance.now();
  const outcome = await perform(methods, path.slice(1), stream);
  if (stream.destroyed) return;
  if (outcome.kind === 'error') {
    const { status, message } = outcome.error;
    stream.respond(
      { ...grpcHeaders, 'grpc-status': status, 'grpc-message': encodeURIComponent(message) },
      { endStream: true },
    );
  } else {
    stream.respond(grpcHeaders, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': grpcStatus.ok }));
    stream.end(frame(outcome.message));
  }
  if (path.startsWith('/grpc.health.')) return;
  const tookMs = Math.round(performance.now() - startMs);
  const status = outcome.kind === 'error' ? outcome.error.status : grpcStatus.ok;
  log(`${name} POST ${path} grpc-status=${status} ${tookMs}ms ${contextOf(headers).requestId}`);
}

const grpcHeaders = { ':status': 200, 'content-type': 'application/grpc' };

type Outcome =
  | { readonly kind: 'message'; readonly message: Uint8Array }
  | { readonly kind: 'error'; readonly error: GrpcError };

async function perform(
  methods: GrpcMethods,
  method: string,
  stream: http2.ServerHttp2Stream,
): Promise<Outcome> {
  try {
    const request = unframe(await collect(stream));
    // grpc.health.v1: HealthCheckResponse { status: SERVING }.
    if (method === 'grpc.health.v1.Health/Check') {
      return { kind: 'message', message: Uint8Array.of(8, 1) };
    }
    const handler = methods[method];
    if (handler === undefined) {
      throw new GrpcError(grpcStatus.unimplemented, `no method ${method}`);
    }
    return { kind: 'message', message: handler(request) };
  } catch (thrown) {
    if (thrown instanceof GrpcError) return { kind: 'error', error: thrown };
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return { kind: 'error', error: new GrpcError(grpcStatus.internal, message) };
  }
}
