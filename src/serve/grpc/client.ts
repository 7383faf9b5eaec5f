import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { FrameReader, frame } from './frames.ts';
import { decodeMessage, type GrpcCode, GrpcError, grpcStatus } from './status.ts';

/** Where a gRPC server listens. PEM texts; `serverName` is not checked against the certificate, `checkServer` is. */
type GrpcTarget =
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'tls';
      readonly host: string;
      readonly port: number;
      readonly cert: string;
      readonly key: string;
      readonly ca: string;
      /** Says what is wrong with the server's leaf, whose chain was verified already; undefined when nothing is. */
      readonly checkServer: (certificateDer: Uint8Array) => string | undefined;
    };

/** How a call ended: the status of the server, or of the connection when there was none. */
export interface GrpcOutcome {
  readonly code: number;
  readonly message: string;
}

const messageBytesMax = 64 * 1024 * 1024;

/** A small client on one connection. A lost connection ends its calls as UNAVAILABLE; it is not opened again. */
export class GrpcClient {
  readonly #session: ClientHttp2Session;

  constructor(target: GrpcTarget) {
    this.#session = open(target);
    this.#session.on('error', () => {});
  }

  /** Throws GrpcError for any status but OK. `deadlineMs` is also told to the server. */
  async unary(path: string, request: Uint8Array, deadlineMs: number): Promise<Uint8Array> {
    const call = this.bidi(path, { 'grpc-timeout': `${Math.ceil(deadlineMs)}m` });
    const timer = setTimeout(() => call.cancel(), deadlineMs);
    call.write(request);
    call.end();
    const response = await call.read();
    const { code, message } = await call.outcome;
    clearTimeout(timer);
    if (code !== grpcStatus.ok) throw new GrpcError(code as GrpcCode, message);
    if (response === undefined) throw new GrpcError(grpcStatus.internal, 'no response came');
    return response;
  }

  bidi(path: string, headers: Readonly<Record<string, string>> = {}): ClientCall {
    return new ClientCall(
      this.#session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc+proto',
        te: 'trailers',
        ...headers,
      }),
    );
  }

  async close(): Promise<void> {
    if (this.#session.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#session.once('close', resolve);
      this.#session.destroy();
    });
  }
}

/** One call of a client. Messages are read one by one; unread ones hold the server back by flow control. */
export class ClientCall {
  readonly outcome: Promise<GrpcOutcome>;
  readonly #stream: ClientHttp2Stream;
  readonly #messages: AsyncGenerator<Uint8Array, undefined>;

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream;
    this.#messages = messagesOf(stream);
    this.outcome = outcomeOf(stream);
  }

  write(message: Uint8Array): boolean {
    return this.#stream.write(frame(message));
  }

  /** Half-closes: the server may go on to send. */
  end(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  /** The next message, or undefined when the server has said its last. */
  async read(): Promise<Uint8Array | undefined> {
    return (await this.#messages.next()).value;
  }
}

function open(target: GrpcTarget): ClientHttp2Session {
  switch (target.kind) {
    case 'unix':
      return connect('http://localhost', { createConnection: () => connectSocket(target.path) });
    case 'tls': {
      const { host, port, cert, key, ca, checkServer } = target;
      return connect(`https://${host}:${port}`, {
        cert,
        key,
        ca,
        minVersion: 'TLSv1.3',
        // SPIFFE IDs are checked by their own rule; there is no DNS name in an SVID.
        checkServerIdentity: (_name, certificate) => {
          const problem = checkServer(certificate.raw);
          return problem === undefined ? undefined : new Error(problem);
        },
      });
    }
  }
}

async function* messagesOf(stream: ClientHttp2Stream): AsyncGenerator<Uint8Array, undefined> {
  const frames = new FrameReader(messageBytesMax);
  try {
    for await (const chunk of stream) yield* frames.push(chunk as Buffer);
  } catch (error) {
    // What went wrong with the stream is in the outcome.
    if (error instanceof GrpcError) throw error;
  }
  return undefined;
}

function outcomeOf(stream: ClientHttp2Stream): Promise<GrpcOutcome> {
  return new Promise((resolve) => {
    const take = (headers: Readonly<Record<string, unknown>>): void => {
      if (headers['grpc-status'] === undefined) return;
      const message = decodeMessage(String(headers['grpc-message'] ?? ''));
      resolve({ code: Number(headers['grpc-status']), message });
      // The server has said its last; the stream is freed when this side has, too.
      stream.end();
    };
    let httpStatus = 200;
    stream.on('response', (headers) => {
      httpStatus = headers[':status'] ?? 0;
      take(headers);
    });
    stream.on('trailers', take);
    stream.on('error', () => {});
    stream.once('close', () => resolve(withoutStatus(stream.rstCode, httpStatus)));
  });
}

function withoutStatus(rstCode: number | undefined, httpStatus: number): GrpcOutcome {
  if (httpStatus !== 200) return { code: grpcStatus.unknown, message: `HTTP ${httpStatus}` };
  return rstCode === constants.NGHTTP2_CANCEL
    ? { code: grpcStatus.cancelled, message: 'the call was cancelled' }
    : { code: grpcStatus.unavailable, message: 'the connection was lost' };
}
