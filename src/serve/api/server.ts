import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';
import { readPeerCredentials } from '../grpc/peer-credentials.ts';

/** A JSON answer, a refusal with its finding, or a stream of JSON lines that ends when `signal` aborts. */
export type ApiReply =
  | { readonly kind: 'json'; readonly body: unknown }
  | { readonly kind: 'refused'; readonly status: number; readonly finding: Finding }
  | { readonly kind: 'stream'; readonly open: (send: Send) => () => void };

/** Sends one line; false when the reader is too slow and was cut off (it connects again and gets the whole state). */
export type Send = (line: unknown) => boolean;

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export type ApiHandler = (request: ApiRequest) => Promise<ApiReply>;

/** A host registration of 10,000 workloads is about 2 MB. */
const bodyBytesMax = 4 * 1024 * 1024;
/** A stream reader that lets this much pile up is cut off. */
const streamBufferedBytesMax = 8 * 1024 * 1024;
/** A line at least this often, so that both ends notice a dead peer. */
const heartbeatMs = 5_000;

/**
 * The control API on a unix socket: HTTP with JSON, for the agent of the same machine, `up` and the CLI.
 * Who may speak: the user the server runs as, and root (from the kernel, not from the request).
 */
export function createApiServer(handler: ApiHandler): Server {
  const server = createServer((request, response) => {
    handle(handler, request, response).catch((error: unknown) => {
      if (!response.headersSent) sendJson(response, 500, internalError(error));
      else response.destroy();
    });
  });
  server.on('connection', (socket: Socket) => {
    if (!mayConnect(socket)) socket.destroy();
  });
  return server;
}

function mayConnect(socket: Socket): boolean {
  const peer = readPeerCredentials(socket);
  if (!peer.ok) return false;
  return peer.value.uid === 0 || peer.value.uid === process.getuid?.();
}

async function handle(
  handler: ApiHandler,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://control');
  const body = await readBody(request);
  if (body.kind === 'refused') return sendJson(response, 400, { error: body.finding });
  const reply = await handler({
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    body: body.value,
  });
  switch (reply.kind) {
    case 'json':
      return sendJson(response, 200, reply.body);
    case 'refused':
      return sendJson(response, reply.status, { error: reply.finding });
    case 'stream':
      return streamLines(response, reply.open);
  }
}

function streamLines(response: ServerResponse, open: (send: Send) => () => void): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const send: Send = (line) => {
    if (response.writableLength > streamBufferedBytesMax) {
      response.destroy();
      return false;
    }
    if (response.destroyed) return false;
    response.write(`${JSON.stringify(line)}\n`);
    return true;
  };
  const close = open(send);
  const heartbeat = setInterval(() => send({ kind: 'heartbeat' }), heartbeatMs);
  response.once('close', () => {
    clearInterval(heartbeat);
    close();
  });
}

type Body =
  | { readonly kind: 'body'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly finding: Finding };

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) {
      return refusedBody(`a request body is at most ${bodyBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  if (bytes === 0) return { kind: 'body', value: undefined };
  try {
    return { kind: 'body', value: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch (error) {
    return refusedBody(`the request body is not JSON: ${messageOf(error)}`);
  }
}

function refusedBody(message: string): Body {
  return { kind: 'refused', finding: { code: 'CH5401', severity: 'error', message } };
}

function internalError(error: unknown): { error: Finding } {
  return { error: { code: 'CH5400', severity: 'error', message: messageOf(error) } };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
