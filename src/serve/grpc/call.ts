import { constants, type ServerHttp2Stream } from 'node:http2';
import { parseTimeoutMs } from './deadline.ts';
import { FrameReader, frame } from './frames.ts';
import type { Peer } from './peer.ts';
import { encodeMessage, type GrpcCode, GrpcError, grpcStatus } from './status.ts';

interface CallOptions {
  readonly stream: ServerHttp2Stream;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly peer: Peer;
  readonly messageBytesMax: number;
}

/** A handler that falls this far behind its peer stops the peer by flow control. */
const readAheadMessagesMax = 64;
const readAheadBytesMax = 1024 * 1024;
/** A peer that leaves its side open after the trailers is cut off, so that the stream is freed. */
const halfOpenMs = 1_000;

const responseHeaders = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity',
};

/**
 * One gRPC call on one HTTP/2 stream. Messages are read one by one with `read`; a peer that resets the stream ends
 * the reading like one that half-closes it, and `isOpen` turns false.
 */
export class CallStream {
  readonly peer: Peer;
  readonly headers: CallOptions['headers'];
  readonly #stream: ServerHttp2Stream;
  readonly #received: Uint8Array[] = [];
  /** Made when somebody asks for it: most calls end without, and one a call is dear. */
  #abort: AbortController | undefined;
  readonly #onClose = new Set<() => void>();
  #receivedBytes = 0;
  #wake: (() => void) | undefined;
  #consumer: ((message: Uint8Array) => void) | undefined;
  /** Nothing more comes; with `#failure`, since what came could not be read. */
  #finished = false;
  #failure: unknown;
  #headersSent = false;
  #ended = false;

  constructor(options: CallOptions) {
    this.peer = options.peer;
    this.headers = options.headers;
    this.#stream = options.stream;
    const frames = new FrameReader(options.messageBytesMax);
    const { stream } = options;
    stream.on('data', (chunk: Buffer) => this.#take(frames, chunk));
    stream.on('end', () => this.#finish(frames.isBetweenMessages ? undefined : cut()));
    stream.on('error', () => {});
    stream.once('close', () => this.#closed());
    this.#startDeadline();
  }

  /** False once the status was sent or the peer is gone; what is written then is dropped. */
  get isOpen(): boolean {
    return !this.#ended;
  }

  /** Bytes that the peer has not taken yet. */
  get bufferedBytes(): number {
    return this.#stream.writableLength;
  }

  /** Aborts when the call is over for whatever reason: deadline, reset, lost connection, or its own end. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#ended) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Returns what takes `run` back. */
  onClose(run: () => void): () => void {
    if (this.#stream.closed) run();
    else this.#onClose.add(run);
    return () => this.#onClose.delete(run);
  }

  onDrain(run: () => void): void {
    this.#stream.once('drain', run);
  }

  /** The next message, or undefined when the peer has said its last. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const message = this.#received.shift();
      if (message !== undefined) {
        this.#receivedBytes -= message.length;
        if (!this.#isFull) this.#stream.resume();
        return message;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#finished) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /**
   * Hands over each message as it comes until the peer has said its last; rejects with what `take` throws. Unlike a
   * loop over `read` it keeps nothing of a message while it waits for the next one: a thousand idle streams would each
   * hold 61 KB of their Envoy's first words.
   */
  async consume(take: (message: Uint8Array) => void): Promise<void> {
    for (const message of this.#received.splice(0)) take(message);
    this.#receivedBytes = 0;
    this.#consumer = take;
    this.#stream.resume();
    if (!this.#finished) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The one message of a unary call. */
  async only(): Promise<Uint8Array> {
    const message = await this.read();
    if (message === undefined) throw new GrpcError(grpcStatus.invalidArgument, 'no message came');
    return message;
  }

  /** False: the peer is slow; wait for `onDrain` before the next. */
  write(message: Uint8Array): boolean {
    return this.writeFramed(frame(message));
  }

  /** A message that was made after its prefix. */
  writeFramed(framed: Buffer): boolean {
    if (this.#ended) return true;
    this.#sendHeaders();
    return this.#stream.write(framed);
  }

  /** The last message and OK: one write to the stream, where `write` and `end` make two. */
  endWith(message: Uint8Array): void {
    if (this.#ended) return;
    this.#sendHeaders();
    this.#end({ code: grpcStatus.ok, message: '', last: frame(message) });
  }

  /** Sends the status after what was written; a peer that does not read never gets it: see `reset`. */
  end(code: GrpcCode, message: string): void {
    if (!this.#ended) this.#end({ code, message, last: undefined });
  }

  #sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#stream.respond(responseHeaders, { waitForTrailers: true });
  }

  #end(given: {
    readonly code: GrpcCode;
    readonly message: string;
    readonly last: Buffer | undefined;
  }): void {
    const { code, message, last } = given;
    this.#ended = true;
    const trailers = {
      'grpc-status': String(code),
      ...(message === '' ? {} : { 'grpc-message': encodeMessage(message) }),
    };
    if (this.#headersSent) {
      this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(trailers));
      this.#stream.end(last);
    } else {
      this.#headersSent = true;
      this.#stream.respond({ ...responseHeaders, ...trailers }, { endStream: true });
    }
    this.#finish(undefined);
    this.#abort?.abort();
    const timer = setTimeout(() => this.#stream.close(constants.NGHTTP2_NO_ERROR), halfOpenMs);
    timer.unref();
    this.onClose(() => clearTimeout(timer));
  }

  /** Drops the call with all that is unsent: for a peer that does not read. */
  reset(): void {
    this.#ended = true;
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  get #isFull(): boolean {
    return (
      this.#received.length >= readAheadMessagesMax || this.#receivedBytes >= readAheadBytesMax
    );
  }

  #take(frames: FrameReader, chunk: Buffer): void {
    if (this.#finished) return;
    try {
      const messages = frames.push(chunk);
      if (this.#consumer === undefined) this.#keep(messages);
      else for (const message of messages) if (!this.#ended) this.#consumer(message);
    } catch (error) {
      this.#finish(error);
    }
  }

  #keep(messages: readonly Uint8Array[]): void {
    for (const message of messages) {
      this.#received.push(message);
      this.#receivedBytes += message.length;
    }
    if (this.#isFull) this.#stream.pause();
    this.#wake?.();
  }

  #finish(failure: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#failure = failure;
    this.#wake?.();
  }

  #closed(): void {
    this.#ended = true;
    this.#finish(undefined);
    this.#abort?.abort();
    const runs = [...this.#onClose];
    this.#onClose.clear();
    for (const run of runs) run();
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

function cut(): GrpcError {
  return new GrpcError(grpcStatus.internal, 'the stream ended inside a message');
}
