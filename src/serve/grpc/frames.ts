import { GrpcError, grpcStatus } from './status.ts';

export const prefixBytes = 5;

/** One message with its five-byte prefix: no compression, length. */
export function frame(message: Uint8Array): Buffer {
  const framed = roomForFrame(message.length);
  framed.set(message, prefixBytes);
  return framed;
}

/** A prefix, and room after it for a message of that length: for who makes a large one in place. */
export function roomForFrame(messageBytes: number): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + messageBytes);
  framed[0] = 0;
  framed.writeUInt32BE(messageBytes, 1);
  return framed;
}

/**
 * Cuts a byte stream back into messages, whatever the boundaries of its chunks. Chunks are joined once per message,
 * so that a large message in small chunks costs its length, not its square.
 */
export class FrameReader {
  readonly #messageBytesMax: number;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Bytes that must be there before the next step: a prefix, or a prefix and its message. */
  #wanted = prefixBytes;

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax;
  }

  /** The messages that are complete with this chunk. Throws GrpcError for what may not be read further. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const messages: Buffer[] = [];
    while (this.#held >= this.#wanted) {
      const joined = this.#joined();
      this.#wanted = prefixBytes + this.#checkedLength(joined);
      if (joined.length < this.#wanted) break;
      messages.push(joined.subarray(prefixBytes, this.#wanted));
      this.#keep(joined.subarray(this.#wanted));
    }
    return messages;
  }

  /** A stream that ends inside a message was cut. */
  get isBetweenMessages(): boolean {
    return this.#held === 0;
  }

  #joined(): Buffer {
    const [only, ...more] = this.#chunks;
    const joined = only !== undefined && more.length === 0 ? only : Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#held = rest.length;
    this.#wanted = prefixBytes;
  }

  #checkedLength(joined: Buffer): number {
    if (joined[0] !== 0) {
      throw new GrpcError(grpcStatus.unimplemented, 'compressed messages are not supported');
    }
    const length = joined.readUInt32BE(1);
    if (length > this.#messageBytesMax) {
      throw new GrpcError(
        grpcStatus.resourceExhausted,
        `a message has ${length} bytes, at most ${this.#messageBytesMax} are taken`,
      );
    }
    return length;
  }
}
