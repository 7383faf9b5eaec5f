/** Unary gRPC over plain HTTP/2: as much of it as the shop needs. */

/** Messages of the shop are a few hundred bytes. */
const messageBytesMax = 64 * 1024;
/** Status codes of gRPC that the shop uses. */
export const grpcStatus = {
  ok: 0,
  invalidArgument: 3,
  notFound: 5,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

export class GrpcError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** One message with its five-byte header. */
export function frame(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** The one message of a unary call; compressed ones are refused. */
export function unframe(bytes: Buffer): Uint8Array {
  if (bytes.length < 5 || bytes[0] !== 0 || bytes.readUInt32BE(1) !== bytes.length - 5) {
    throw new GrpcError(grpcStatus.internal, 'not one uncompressed gRPC message');
  }
  return bytes.subarray(5);
}

/** All bytes of a request or an answer, up to the limit. */
export async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > messageBytesMax) {
      throw new GrpcError(grpcStatus.invalidArgument, `more than ${messageBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
