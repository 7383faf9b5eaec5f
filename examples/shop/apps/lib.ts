import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What every app of the shop shares: a small HTTP server, problems, logs, and an orderly end. */

/** A request body; orders are a few hundred bytes. */
const bodyBytesMax = 64 * 1024;

/** Requests under way get this long to finish after SIGTERM. */
const stopGraceMs = 3000;

/** What an app hands on from the request it serves to the requests it makes, as any traced app does. */
export interface Context {
  readonly requestId: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface AppRequest {
  readonly method: string;
  readonly url: URL;
  /** The `:name` parts of the route. */
  readonly params: Readonly<Record<string, string>>;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly context: Context;
}

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

export type Handler = (request: AppRequest) => Reply | Promise<Reply>;

export interface App {
  readonly name: string;
  readonly version: string;
  /** `GET /v1/orders/:id` to what answers it. */
  readonly routes: Readonly<Record<string, Handler>>;
}

/** An answer that is no success. Thrown by handlers; the server sends it. */
export class Problem extends Error {
  readonly reply: Reply;

  constructor(status: number, message: string, reply?: Reply) {
    super(message);
    this.reply = reply ?? json(status, { error: { message } });
  }
}

export function json(status: number, value: unknown): Reply {
  const body = `${JSON.stringify(value, undefined, 2)}\n`;
  return { status, contentType: 'application/json', body };
}

export function html(body: string): Reply {
  return { status: 200, contentType: 'text/html; charset=utf-8', body };
}

/** The fields of a JSON object, or a 400. */
export function jsonBody(request: AppRequest): Readonly<Record<string, unknown>> {
  return jsonObject(request.body.toString('utf8')) ?? fail('the body must be a JSON object');
}

export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

export function textField(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name];
  if (typeof value === 'string' && value !== '' && value.length <= 100) return value;
  return fail(`"${name}" must be a text of 1 to 100 characters`);
}

/** A whole number from 1 to a million. */
export function countField(body: Readonly<Record<string, unknown>>, name: string): number {
  const value = body[name];
  const fits = typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 1e6;
  return fits ? value : fail(`"${name}" must be a whole number from 1 to 1000000`);
}

function fail(message: string): never {
  throw new Problem(400, message);
}

export interface RunningApp {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves the app on 127.0.0.1; port 0 picks a free one. */
export function serve(app: App, port: number, log = printLine): Promise<RunningApp> {
  const server = http.createServer((incoming, outgoing) => {
    const startMs = performance.now();
    const context = contextOf(incoming.headers);
    void answer(app, incoming, context).then((reply) => {
      outgoing.writeHead(reply.status, {
        'content-type': reply.contentType,
        'content-length': Buffer.byteLength(reply.body),
        'x-request-id': context.requestId,
      });
      outgoing.end(reply.body);
      if (incoming.url === '/healthz') return;
      const tookMs = Math.round(performance.now() - startMs);
      const what = `${incoming.method} ${incoming.url} ${reply.status} ${tookMs}ms`;
      log(`${app.name} ${app.version} ${what} ${context.requestId}`);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address() as AddressInfo;
      resolve({ port: address.port, close: () => closeServer(server) });
    });
  });
}

/** Runs the app as a program: the port from PORT, an end on SIGTERM. */
export async function runApp(
  name: string,
  start: (port: number) => Promise<RunningApp>,
  defaultPort: number,
): Promise<void> {
  const running = await start(Number(process.env['PORT'] ?? defaultPort));
  const stop = (): void => {
    void running.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  printLine(`${name} listens on 127.0.0.1:${running.port}`);
}

export function printLine(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}

/** Tracing headers and the testers' switch go along; a request that enters without an id gets one. */
export function contextOf(headers: http.IncomingHttpHeaders): Context {
  const forwarded: Record<string, string> = {};
  for (const name of ['traceparent', 'tracestate', 'x-beta']) {
    const value = headers[name];
    if (typeof value === 'string') forwarded[name] = value;
  }
  const given = headers['x-request-id'];
  const requestId = typeof given === 'string' && given !== '' ? given : randomUUID();
  return { requestId, headers: { ...forwarded, 'x-request-id': requestId } };
}

async function answer(app: App, incoming: http.IncomingMessage, context: Context): Promise<Reply> {
  try {
    const url = new URL(incoming.url ?? '/', 'http://localhost');
    const method = incoming.method ?? 'GET';
    if (url.pathname === '/healthz') {
      return json(200, { service: app.name, version: app.version, ok: true });
    }
    const found = findRoute(app.routes, method, url.pathname);
    if (found === undefined) throw new Problem(404, `${app.name} has no ${method} ${url.pathname}`);
    const body = await readBody(incoming);
    const { headers } = incoming;
    return await found.handler({ method, url, params: found.params, headers, body, context });
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.reply;
    process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
    return json(500, { error: { message: `${app.name} failed` } });
  }
}

function findRoute(
  routes: App['routes'],
  method: string,
  path: string,
): { handler: Handler; params: Record<string, string> } | undefined {
  const given = path.split('/');
  for (const [route, handler] of Object.entries(routes)) {
    const [wantedMethod, pattern = ''] = route.split(' ');
    const wanted = pattern.split('/');
    if (wantedMethod !== method || wanted.length !== given.length) continue;
    const params: Record<string, string> = {};
    const fits = wanted.every((part, index) => {
      if (part.startsWith(':')) params[part.slice(1)] = given[index] ?? '';
      return part.startsWith(':') || part === given[index];
    });
    if (fits) return { handler, params };
  }
  return undefined;
}

async function readBody(incoming: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    length += chunk.length;
    if (length > bodyBytesMax) throw new Problem(413, `a body has at most ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function closeServer(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => server.closeAllConnections(), stopGraceMs).unref();
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
