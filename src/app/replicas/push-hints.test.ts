import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ApiReply, ApiRequest } from '../../serve/api/server.ts';
import { PushHints } from './push-hints.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
type Order = Pick<ApiRequest, 'method' | 'path' | 'body'>;

/** A replica, and the orders that it has given; each is answered when the test says so. */
function replica(isLeading: boolean) {
  const fetched: (string | undefined)[] = [];
  const orders: { order: Order; answer: (reply: ApiReply) => void }[] = [];
  const hints = new PushHints({ isLeading: () => isLeading, log });
  hints.of({ pushed: (traceparent) => void fetched.push(traceparent) });
  hints.through({
    order: (order) => new Promise((answer) => void orders.push({ order, answer })),
  });
  return { hints, fetched, orders };
}

const done: ApiReply = { kind: 'json', body: {} };
const settled = (): Promise<void> => new Promise((wake) => setImmediate(wake));

describe('a push that a Git server tells of', () => {
  it('is looked for by the replica that leads', () => {
    const { hints, fetched, orders } = replica(true);
    hints.take('00-ab-cd-01');
    assert.deepEqual([fetched, orders], [['00-ab-cd-01'], []]);
  });

  it('goes from one that follows to the leader, with its trace', async () => {
    const [follower, leader] = [replica(false), replica(true)];
    follower.hints.take('00-ab-cd-01');
    assert.deepEqual(follower.fetched, []);
    const [{ order } = assert.fail()] = follower.orders;
    assert.deepEqual(leader.hints.ordered(order), done);
    assert.deepEqual(leader.fetched, ['00-ab-cd-01']);
    assert.equal(leader.hints.ordered({ path: '/v1/approvals', body: {} }), undefined);
  });

  it('is one word to the leader, however often it is told meanwhile; the last counts', async () => {
    const { hints, orders } = replica(false);
    for (const trace of ['a', 'b', 'c']) hints.take(trace);
    assert.equal(orders.length, 1);
    orders[0]?.answer(done);
    await settled();
    assert.deepEqual(
      orders.map(({ order }) => order.body),
      [{ traceparent: 'a' }, { traceparent: 'c' }],
    );
    orders[1]?.answer({
      ...{ kind: 'refused', status: 503 },
      finding: { code: 'CH5451', severity: 'error', message: 'no leader' },
    });
    await settled();
    hints.take(undefined);
    assert.deepEqual(orders[2]?.order.body, {});
  });

  it('is no news before the leader can be reached: who begins to lead looks by itself', () => {
    const hints = new PushHints({ isLeading: () => false, log });
    hints.take('a');
    const { orders } = replica(false);
    assert.deepEqual(orders, []);
  });
});
