/** The codes of gRPC that are used here (google.rpc.Code). */
export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export type GrpcCode = (typeof grpcStatus)[keyof typeof grpcStatus];

/** How a call ends when it does not end well. Thrown by handlers, sent as trailers. */
export class GrpcError extends Error {
  readonly code: GrpcCode;

  constructor(code: GrpcCode, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.code = code;
  }
}

/** Headers have a limit of their own; what is longer would cost the peer the whole status. */
const messageCharactersMax = 1_024;

/** Percent-encoding of `grpc-message` (gRPC over HTTP/2, "Percent-Encoded"). */
export function encodeMessage(message: string): string {
  return message
    .slice(0, messageCharactersMax)
    .toWellFormed()
    .replaceAll(/[^\x20-\x24\x26-\x7e]/gu, (char) => encodeURIComponent(char));
}

/** Text that is not well encoded is taken as it stands: a status must not be lost over its message. */
export function decodeMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
