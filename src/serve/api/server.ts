import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { messageOf } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';
import type { HostName, OperatorRole } from '../../model/types.ts';
import { readPeerCredentials } from '../grpc/peer-credentials.ts';
import { http } from './node-http.ts';

/** Who asks: this machine's operator, a host by its certificate, an operator elsewhere, or nobody that is known. */
export type ApiPeer =
  | { readonly kind: 'operator'; readonly uid: number }
  | {
      readonly kind: 'host';
      readonly host: HostName;
      /** SHA-256 of its certificate's public key, hex. */
      readonly key: string;
      readonly notAfterMs: number;
    }
  /** Over TCP, by a token or a certificate. */
  | {
      readonly kind: 'caller';
      readonly name: string;
      readonly role: OperatorRole;
      readonly address?: string | undefined;
    }
  | {
      readonly kind: 'anonymous';
      readonly reason: string;
      /** Why it could not be looked up: whoever asks may be somebody all the same. */
      readonly notLookedUp?: string;
    };

/** A JSON answer, a refusal with its finding, or a stream of JSON lines until either side ends it. */
export type ApiReply =
  | { readonly kind: 'json'; readonly body: unknown; readonly status?: number }
  | { readonly kind: 'text'; readonly contentType: string; readonly text: string }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly finding: Finding;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'stream'; readonly open: (send: Send, end: () => void) => () => void };

export type RefusedReply = Extract<ApiReply, { readonly kind: 'refused' }>;

/** Sends one line; false when the reader is too slow and was cut off (it connects again and gets the whole state). */
export type Send = (line: object) => boolean;

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly peer: ApiPeer;
}

export type ApiHandler = (request: ApiRequest) => Promise<ApiReply>;

/** A host registration of 10,000 workloads is about 2 MB. */
const bodyBytesMax = 4 * 1024 * 1024;
/** A stream reader that lets this much pile up is cut off. */
const streamBufferedBytesMax = 8 * 1024 * 1024;
/** A line at least this often, so that both ends notice a dead peer. */
const heartbeatMs = 5_000;

/**
 * The control API on a unix socket: HTTP with JSON, for `up` and the CLI, and for an agent of the same machine that
 * joins. Who may speak: the user the server runs as, and root (from the kernel, not from the request).
 */
export function createApiServer(handler: ApiHandler): Server {
  const peers = new WeakMap<Socket, ApiPeer>();
  const server = http.createServer((request, response) => {
    const peer = peers.get(request.socket) ?? { kind: 'anonymous', reason: 'not a unix socket' };
    serveRequest(handler, peer, request, response);
  });
  server.on('connection', (socket: Socket) => {
    const credentials = readPeerCredentials(socket);
    if (!credentials.ok || !isOperator(credentials.value.uid)) socket.destroy();
    else peers.set(socket, { kind: 'operator', uid: credentials.value.uid });
  });
  answerUnreadable(server);
  return server;
}

function isOperator(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}

/** Answers one request of whichever listener. */
export function serveRequest(
  handler: ApiHandler,
  peer: ApiPeer,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  handle(handler, peer, request, response).catch((error: unknown) => {
    if (!response.headersSent) void sendJson(response, 500, internalError(error));
    else response.destroy();
  });
}

async function handle(
  handler: ApiHandler,
  peer: ApiPeer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = targetOf(request.url ?? '/');
  if (url === undefined) return sendJson(response, 400, { error: unreadable('its path is none') });
  const body = await readBody(request);
  if (body.kind === 'refused') return sendJson(response, 400, { error: body.finding });
  const reply = await handler({
    method: request.method ?? 'GET',
    path: url.path,
    query: url.query,
    body: body.value,
    peer,
  });
  switch (reply.kind) {
    case 'json':
      return sendJson(response, reply.status ?? 200, reply.body);
    case 'text':
      return sendBytes(response, 200, reply.contentType, Buffer.from(reply.text, 'utf8'));
    case 'refused':
      for (const [name, value] of Object.entries(reply.headers ?? {})) {
        response.setHeader(name, value);
      }
      return sendJson(response, reply.status, { error: reply.finding });
    case 'stream':
      return streamLines(response, reply.open);
  }
}

/** As it was sent: nothing in it is resolved or joined. Undefined: it is not a path. */
function targetOf(
  text: string,
): { readonly path: string; readonly query: URLSearchParams } | undefined {
  if (!text.startsWith('/')) return undefined;
  const at = text.indexOf('?');
  const [path, query] = at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  return { path, query: new URLSearchParams(query) };
}

function unreadable(reason: string): Finding {
  const message = `the request cannot be read: ${reason}`;
  return { code: 'CH5470', severity: 'error', message };
}

/** What Node's parser refuses never comes to a handler; it too is answered with a code. */
export function answerUnreadable(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const isLong = error.code === 'HPE_HEADER_OVERFLOW';
    const reason = isLong ? 'its path and headers are longer than 16 KB' : 'it is not HTTP';
    const body = `${JSON.stringify({ error: unreadable(reason) })}\n`;
    const head = [
      `HTTP/1.1 ${isLong ? '431 Request Header Fields Too Large' : '400 Bad Request'}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}

/** What goes to many readers is written once. */
const lineTexts = new WeakMap<object, string>();

function lineText(line: object): string {
  const known = lineTexts.get(line);
  if (known !== undefined) return known;
  const text = `${JSON.stringify(line)}\n`;
  lineTexts.set(line, text);
  return text;
}

const heartbeat = { kind: 'heartbeat' };

function streamLines(
  response: ServerResponse,
  open: (send: Send, end: () => void) => () => void,
): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  // Now, not with the first line: whoever follows is to know at once that it was let in.
  response.flushHeaders();
  const send: Send = (line) => {
    if (response.writableLength > streamBufferedBytesMax) {
      response.destroy();
      return false;
    }
    if (response.destroyed) return false;
    response.write(lineText(line));
    return true;
  };
  const close = open(send, () => void response.destroy());
  const beat = setInterval(() => send(heartbeat), heartbeatMs);
  response.once('close', () => {
    clearInterval(beat);
    close();
  });
}

type Body =
  | { readonly kind: 'body'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly finding: Finding };

async function readBody(request: IncomingMessage): Promise<Body> {
  const bytes = await readBytes(request, bodyBytesMax);
  if (bytes === undefined) return { kind: 'refused', finding: bodyTooLarge(bodyBytesMax) };
  if (bytes.length === 0) return { kind: 'body', value: undefined };
  try {
    return { kind: 'body', value: JSON.parse(bytes.toString('utf8')) };
  } catch (error) {
    return refusedBody(`the request body is not JSON: ${messageOf(error)}`);
  }
}

/**
 * Undefined past the limit; the rest is let go by. By events, and never paused: Node's parser takes TLS bytes that come
 * while it is paused for a broken request, and ends the connection.
 */
export function readBytes(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else resolve(undefined);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
  });
}

function refusedBody(message: string): Body {
  return { kind: 'refused', finding: { code: 'CH5401', severity: 'error', message } };
}

export function bodyTooLarge(bytesMax: number): Finding {
  const message = `a request body is at most ${bytesMax} bytes`;
  return { code: 'CH5401', severity: 'error', message };
}

function internalError(error: unknown): { error: Finding } {
  return { error: { code: 'CH5400', severity: 'error', message: messageOf(error) } };
}

/** Below what a socket buffers before it asks to wait. */
const pieceBytes = 16 * 1024;

/**
 * In pieces, each after the one before has left: when the next request of a kept connection comes while an answer still
 * waits to be written, Node pauses its parser, takes the rest of that request for broken, and ends the connection.
 */
async function sendBytes(
  response: ServerResponse,
  status: number,
  contentType: string,
  bytes: Buffer,
): Promise<void> {
  response.writeHead(status, { 'content-type': contentType, 'content-length': bytes.length });
  for (let at = 0; at < bytes.length && !response.destroyed; at += pieceBytes) {
    if (response.write(bytes.subarray(at, at + pieceBytes))) continue;
    await new Promise<void>((resolve) => {
      response.once('drain', resolve);
      response.once('close', resolve);
    });
  }
  response.end();
}

function sendJson(response: ServerResponse, status: number, body: unknown): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`, 'utf8');
  return sendBytes(response, status, 'application/json', bytes);
}

export function refused(status: number, finding: Omit<Finding, 'severity'>): RefusedReply {
  return { kind: 'refused', status, finding: { severity: 'error', ...finding } };
}
