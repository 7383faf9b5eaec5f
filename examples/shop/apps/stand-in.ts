import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { GrpcMethods } from './grpc-server.ts';
import { serveGrpc } from './grpc-server.ts';
import { type App, type RunningApp, serve } from './lib.ts';

/** For tests: what the apps need of a mesh, in a few lines, and a way to ask an app a question. */

const quiet: (line: string) => void = () => {};

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** An HTTP proxy that knows where the services are and takes only absolute-form requests, as a mesh's egress does. */
export async function proxyStandIn(
  t: TestContext,
  places: Readonly<Record<string, number>>,
): Promise<{ readonly url: string; readonly seen: http.IncomingMessage[] }> {
  const seen: http.IncomingMessage[] = [];
  const server = http.createServer((incoming, outgoing) => {
    seen.push(incoming);
    const url = URL.parse(incoming.url ?? '');
    const port = url === null ? undefined : places[url.hostname];
    if (url === null || port === undefined) {
      outgoing.writeHead(404, { 'content-type': 'application/json' });
      outgoing.end('{"error":{"code":"CH2104","message":"no such service"}}\n');
      return;
    }
    const path = `${url.pathname}${url.search}`;
    const { method, headers } = incoming;
    const onward = http.request(
      { host: '127.0.0.1', port, path, method, headers, agent: false },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  const port = await listen(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${port}`, seen };
}

function listen(server: http.Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

export async function start(t: TestContext, app: App, log = quiet): Promise<number> {
  return closing(t, await serve(app, 0, log));
}

export async function startGrpc(t: TestContext, methods: GrpcMethods): Promise<number> {
  return closing(t, await serveGrpc('inventory v1', methods, 0, quiet));
}

function closing(t: TestContext, running: RunningApp): number {
  t.after(() => running.close());
  return running.port;
}

export async function ask(
  port: number,
  request: string,
  options: { readonly body?: unknown; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const [method = 'GET', path = '/'] = request.split(' ');
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { connection: 'close', ...options.headers },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const body = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return { status: response.status, body, json: isJson ? JSON.parse(body) : {} };
}
