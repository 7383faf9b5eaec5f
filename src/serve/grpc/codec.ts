import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { CallStream } from './call.ts';
import type { Method } from './method.ts';
import { GrpcError, grpcStatus } from './status.ts';

/** A unary method on messages rather than bytes. A request that cannot be read is INVALID_ARGUMENT. */
export function unaryMethod<Request extends DescMessage, Response extends DescMessage>(options: {
  readonly path: string;
  readonly request: Request;
  readonly response: Response;
  readonly handle: (
    request: MessageShape<Request>,
    call: CallStream,
  ) => Promise<MessageInitShape<Response>> | MessageInitShape<Response>;
}): Method {
  const { path, request, response, handle } = options;
  return {
    kind: 'unary',
    path,
    handle: async (bytes, call) =>
      toBinary(response, create(response, await handle(decode(request, bytes), call))),
  };
}

export function decode<Desc extends DescMessage>(
  desc: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  try {
    return fromBinary(desc, bytes);
  } catch {
    throw new GrpcError(grpcStatus.invalidArgument, `the message is no ${desc.name}`);
  }
}
