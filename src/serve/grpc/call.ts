import type { ServerHttp2Stream } from 'node:http2';
import { FrameReader, frame } from './frames.ts';
import type { Peer } from './peer.ts';
import { encodeMessage, type GrpcCode, GrpcError, grpcStatus } from './status.ts';

export interface CallOptions {
  readonly stream: ServerHttp2Stream;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly peer: Peer;
  readonly messageBytesMax: number;
}

/** A reader that falls this far behind its peer's messages stops the peer by flow control. */
const readAheadMax = 64;

/**
 * One gRPC call on one HTTP/2 stream. Messages are read one by one with `read`; a peer that resets the stream ends
 * the reading like one that half-closes it, and `isOpen` turns false.
 */
export class CallStream {
  readonly peer: Peer;
  readonly headers: CallOptions['headers'];
  readonly #stream: ServerHttp2Stream;
  readonly #received: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #finished = false;
  #failure: GrpcError | undefined;
  #headersSent = false;
  #ended = false;
  #onClose: (() => void)[] = [];

  constructor(options: CallOptions) {
    this.peer = options.peer;
    this.headers = options.headers;
    this.#stream = options.stream;
    const frames = new FrameReader(options.messageBytesMax);
    const { stream } = options;
    stream.on('data', (chunk: Buffer) => this.#take(frames, chunk));
    stream.on('end', () => this.#finish(frames.isBetweenMessages ? undefined : cut()));
    stream.on('error', () => {});
    stream.once('close', () => {
      this.#ended = true;
      this.#finish(undefined);
      for (const run of this.#onClose.splice(0)) run();
    });
    this.#checkHeaders();
    this.#startDeadline();
  }

  get isOpen(): boolean {
    return !this.#ended;
  }

  /** Bytes that the peer has not taken yet. */
  get bufferedBytes(): number {
    return this.#stream.writableLength;
  }

  onClose(run: () => void): void {
    if (this.#stream.closed) run();
    else this.#onClose.push(run);
  }

  onDrain(run: () => void): void {
    this.#stream.once('drain', run);
  }

  /** The next message, or undefined when the peer has said its last. */
  async read(): Promise<Uint8Array | undefined> {
    while (this.#received.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#finished) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const message = this.#received.shift();
    if (this.#received.length < readAheadMax / 2) this.#stream.resume();
    return message;
  }

  /** The one message of a unary call. */
  async only(): Promise<Uint8Array> {
    const message = await this.read();
    if (message === undefined) throw new GrpcError(grpcStatus.invalidArgument, 'no message came');
    return message;
  }

  /** False: the peer is slow; wait for `onDrain` before the next. */
  write(message: Uint8Array): boolean {
    if (this.#ended) return true;
    this.#sendHeaders();
    return this.#stream.write(frame(message));
  }

  end(code: GrpcCode, message: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const trailers = {
      'grpc-status': String(code),
      ...(message === '' ? {} : { 'grpc-message': encodeMessage(message) }),
    };
    if (!this.#headersSent) {
      this.#headersSent = true;
      this.#stream.respond({ ...responseHeaders, ...trailers }, { endStream: true });
    } else {
      this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(trailers));
      this.#stream.end();
    }
    this.#finish(undefined);
  }

  #sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#stream.respond(responseHeaders, { waitForTrailers: true });
  }

  #take(frames: FrameReader, chunk: Buffer): void {
    try {
      this.#received.push(...frames.push(chunk));
      if (this.#received.length >= readAheadMax) this.#stream.pause();
      this.#wake?.();
    } catch (error) {
      this.#finish(error instanceof GrpcError ? error : cut());
    }
  }

  #finish(failure: GrpcError | undefined): void {
    this.#finished = true;
    this.#failure ??= failure;
    this.#wake?.();
  }

  #checkHeaders(): void {
    const type = String(this.headers['content-type'] ?? '');
    if (this.headers[':method'] !== 'POST' || !type.startsWith('application/grpc')) {
      this.#ended = true;
      this.#stream.respond({ ':status': 415 }, { endStream: true });
      this.#finish(new GrpcError(grpcStatus.invalidArgument, 'not a gRPC call'));
    }
  }

  #startDeadline(): void {
    const timeoutMs = parseTimeoutMs(this.headers['grpc-timeout']);
    if (timeoutMs === undefined) return;
    const timer = setTimeout(() => {
      this.end(grpcStatus.deadlineExceeded, 'the deadline of the call has passed');
    }, timeoutMs);
    this.onClose(() => clearTimeout(timer));
  }
}

const responseHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' };

function cut(): GrpcError {
  return new GrpcError(grpcStatus.internal, 'the stream ended inside a message');
}

const unitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
/** setTimeout takes no more. */
const timeoutMsMax = 2 ** 31 - 1;

/** `grpc-timeout`: at most eight digits and a unit. */
export function parseTimeoutMs(header: string | string[] | undefined): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(header ?? ''));
  if (match === null) return undefined;
  return Math.min(Number(match[1]) * (unitsMs[match[2] ?? ''] ?? 1), timeoutMsMax);
}
