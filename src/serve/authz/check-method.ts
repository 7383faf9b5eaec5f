import type { CallStream } from '../grpc/call.ts';
import type { Method } from '../grpc/method.ts';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import type { Checked, CheckHandler } from './check-handler.ts';

/** `serviceOf` says whose proxy is on the other end of the socket; undefined when that is not known. `proxy`: the only one there. */
export function checkMethod(options: {
  readonly handler: CheckHandler;
  readonly serviceOf: (call: CallStream) => string | undefined;
  readonly proxy?: string;
}): Method {
  return {
    kind: 'unary',
    path: '/envoy.service.auth.v3.Authorization/Check',
    handle: (request, call) => {
      const service = options.serviceOf(call);
      if (service === undefined) {
        throw new GrpcError(grpcStatus.permissionDenied, 'this socket belongs to no workload');
      }
      const response = options.handler(request, service, options.proxy);
      return response instanceof Promise ? response.then(bytesOf) : bytesOf(response);
    },
  };
}

function bytesOf(response: Checked): Uint8Array {
  if (!response.ok) throw new GrpcError(grpcStatus.unavailable, response.error.message);
  return response.value;
}
