import assert from 'node:assert/strict';
import { test } from 'node:test';
import { err, ok } from '../../base/result.ts';
import type { CallStream } from '../grpc/call.ts';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import { checkMethod } from './check-method.ts';

/** The method never looks at the call itself. */
const call = {} as CallStream;

function run(options: Parameters<typeof checkMethod>[0]) {
  const method = checkMethod(options);
  assert.ok(method.kind === 'unary');
  return method.handle(new Uint8Array([1]), call);
}

test('the answer of the desk goes out for the service of the socket', () => {
  const seen: string[] = [];
  const handler = (request: Uint8Array, service: string) => {
    seen.push(service);
    return ok(request);
  };
  assert.deepEqual(run({ handler, serviceOf: () => 'cart' }), new Uint8Array([1]));
  assert.deepEqual(seen, ['cart']);
});

test('a desk without policy is UNAVAILABLE, so that Envoy answers with its status on error', () => {
  const handler = () => err({ code: 'CH2191', message: 'no policy yet' } as const);
  assert.throws(
    () => run({ handler, serviceOf: () => 'cart' }),
    (thrown) => thrown instanceof GrpcError && thrown.code === grpcStatus.unavailable,
  );
});

test('a socket of no workload gets no answer', () => {
  assert.throws(
    () => run({ handler: ok, serviceOf: () => undefined }),
    (thrown) => thrown instanceof GrpcError && thrown.code === grpcStatus.permissionDenied,
  );
});
