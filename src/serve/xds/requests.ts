import type { TypeUrl } from '../../compile/resource.ts';
import type { CallStream } from '../grpc/call.ts';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import type { NodeInfo } from './node-info.ts';
import type { XdsStream } from './stream.ts';
import { decodeRequest } from './wire.ts';

/** Hands every request of a call to its stream, until the peer has said its last. */
export function follow(
  call: CallStream,
  stream: XdsStream,
  node: NodeInfo,
  onlyType: TypeUrl | undefined,
): Promise<void> {
  return call.consume((bytes) => {
    const request = decodeRequest(bytes);
    // The node may come again, but never another one (rule A3).
    if (request.node !== undefined && request.node.id !== '' && request.node.id !== node.id) {
      throw new GrpcError(grpcStatus.invalidArgument, 'node.id changed on an open stream');
    }
    stream.receive(request, typeOf(request.typeUrl, onlyType));
  });
}

/** A per-type RPC has one type, which its requests may leave out; an aggregated one must name it (rule A4). */
export function typeOf(typeUrl: string, onlyType: TypeUrl | undefined): string {
  if (onlyType === undefined && typeUrl === '') {
    throw new GrpcError(grpcStatus.invalidArgument, 'an aggregated request needs type_url');
  }
  if (onlyType !== undefined && typeUrl !== '' && typeUrl !== onlyType) {
    throw new GrpcError(grpcStatus.invalidArgument, `this method serves only ${onlyType}`);
  }
  return onlyType ?? typeUrl;
}

export async function refuseStateOfTheWorld(): Promise<void> {
  throw new GrpcError(
    grpcStatus.unimplemented,
    'only delta xDS is served: set api_type DELTA_GRPC in the bootstrap',
  );
}
