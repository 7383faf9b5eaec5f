import { connect as connectHttp2 } from 'node:http2';
import { messageOf } from '../../base/error.ts';
import type { Protocol } from '../../model/types.ts';
import { connectTls, WireClient, type WirePeer } from './wire-client.ts';

export type SentAnswer =
  | {
      readonly kind: 'http';
      readonly status: number;
      readonly headers: ReadonlyMap<string, string>;
    }
  /** The connection ended without an answer. */
  | { readonly kind: 'cut'; readonly why: string }
  /** Of TCP: whether bytes came back. */
  | { readonly kind: 'connection'; readonly isOpen: boolean };

interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** One gRPC message of no bytes: not compressed, length 0. */
const emptyMessage = Buffer.alloc(5);

/** As the callee speaks it: HTTP/1.1 in just these bytes, gRPC over HTTP/2, or a connection with a few bytes. */
export function send(
  port: number,
  peer: WirePeer,
  protocol: Protocol,
  request: Outgoing,
): Promise<SentAnswer> {
  switch (protocol) {
    case 'tcp':
      return sendBytes(port, peer);
    case 'grpc':
      return sendGrpc(port, peer, request);
    case 'http':
    case 'http2':
      return sendHttp(port, peer, request);
  }
}

async function sendHttp(
  port: number,
  peer: WirePeer,
  { method, path, host, headers }: Outgoing,
): Promise<SentAnswer> {
  const client = new WireClient(() => port, peer);
  const lines = [['host', host] as const, ...headers].map((line) => line.join(': '));
  try {
    const text = `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
    return { kind: 'http', ...(await client.send(text)) };
  } catch (error) {
    return { kind: 'cut', why: messageOf(error) };
  } finally {
    client.close();
  }
}

async function sendBytes(port: number, peer: WirePeer): Promise<SentAnswer> {
  const socket = await connectTls(port, 'chancery-tcp', peer).catch(() => undefined);
  if (socket === undefined) return { kind: 'connection', isOpen: false };
  return new Promise((resolve) => {
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve({ kind: 'connection', isOpen });
    };
    socket.removeAllListeners('error').on('error', () => end(false));
    socket.once('close', () => end(false));
    socket.once('data', () => end(true));
    socket.write('verify');
  });
}

async function sendGrpc(port: number, peer: WirePeer, request: Outgoing): Promise<SentAnswer> {
  const socket = await connectTls(port, 'h2', peer).catch(messageOf);
  if (typeof socket === 'string') return { kind: 'cut', why: socket };
  const session = connectHttp2('https://localhost', { createConnection: () => socket });
  try {
    return await new Promise<SentAnswer>((resolve) => {
      const cut = (error?: unknown): void =>
        resolve({ kind: 'cut', why: error === undefined ? 'closed' : messageOf(error) });
      session.once('error', cut);
      session.once('close', () => cut());
      const { method, path, host } = request;
      const pseudo = { ':method': method, ':path': path, ':authority': host };
      // Also of a GET the message is sent: it has just none of a meaning.
      const stream = session.request(
        { ...grouped(request.headers), ...pseudo },
        { endStream: false },
      );
      stream.on('error', cut);
      stream.once('response', (headers) => {
        const texts = Object.entries(headers).map(
          ([name, value]) => [name, String(value)] as const,
        );
        resolve({ kind: 'http', status: headers[':status'] ?? 0, headers: new Map(texts) });
      });
      stream.end(emptyMessage);
    });
  } catch (error) {
    return { kind: 'cut', why: messageOf(error) };
  } finally {
    session.destroy();
  }
}

/** Lines of one name, as node:http2 takes them. */
function grouped(headers: Outgoing['headers']): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [name, value] of headers) found[name] = [...(found[name] ?? []), value];
  return found;
}
