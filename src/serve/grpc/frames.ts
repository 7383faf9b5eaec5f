import { GrpcError, grpcStatus } from './status.ts';

const prefixBytes = 5;

/** One message with its five-byte prefix: no compression, length. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/** Cuts a byte stream back into messages, whatever the boundaries of its chunks. */
export class FrameReader {
  readonly #messageBytesMax: number;
  #pending: Buffer = Buffer.alloc(0);

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax;
  }

  /** The messages that are complete with this chunk. Throws GrpcError for what may not be read further. */
  push(chunk: Buffer): Buffer[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const messages: Buffer[] = [];
    for (;;) {
      if (this.#pending.length < prefixBytes) return messages;
      const length = this.#checkedLength();
      if (this.#pending.length < prefixBytes + length) return messages;
      messages.push(this.#pending.subarray(prefixBytes, prefixBytes + length));
      this.#pending = this.#pending.subarray(prefixBytes + length);
    }
  }

  /** A stream that ends inside a message was cut. */
  get isBetweenMessages(): boolean {
    return this.#pending.length === 0;
  }

  #checkedLength(): number {
    if (this.#pending[0] !== 0) {
      throw new GrpcError(grpcStatus.unimplemented, 'compressed messages are not supported');
    }
    const length = this.#pending.readUInt32BE(1);
    if (length > this.#messageBytesMax) {
      throw new GrpcError(
        grpcStatus.resourceExhausted,
        `a message has ${length} bytes, at most ${this.#messageBytesMax} are taken`,
      );
    }
    return length;
  }
}
