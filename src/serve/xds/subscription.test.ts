import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import { Subscription } from './subscription.ts';

const isExhausted = (error: unknown): boolean =>
  error instanceof GrpcError && error.code === grpcStatus.resourceExhausted;

describe('Subscription', () => {
  it('I2 bounds the characters of its names, and frees those of names given up', () => {
    const subscription = new Subscription();
    const long = 'x'.repeat(1024 * 1024);
    for (let index = 0; index < 10; index += 1) {
      subscription.change([`${long}${index}`], []);
      subscription.change([], [`${long}${index}`]);
    }
    const names = Array.from({ length: 4 }, (_, index) => `${long}${index}`);
    assert.throws(() => subscription.change(names, []), isExhausted);
  });

  it('I2 bounds the number of its names', () => {
    const names = Array.from({ length: 20_001 }, (_, index) => `${index}`);
    assert.throws(() => new Subscription().change(names, []), isExhausted);
    new Subscription().change(names.slice(1), []);
  });

  it('B12 reports as asked for only what is still subscribed', () => {
    const change = new Subscription().change(['a', 'b', '*'], ['a', 'nobody', '*']);
    assert.deepEqual(change, { asked: ['b'], dropped: ['a'], wildcardDropped: true });
  });
});
