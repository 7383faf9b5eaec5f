import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryKek } from '../../../test/support/memory-kek.ts';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { systemRandom as random } from '../../base/random.ts';
import type { ApiReply, ApiRequest } from '../../serve/api/server.ts';
import { paths } from '../../serve/api/wire.ts';
import { openSqliteStore } from '../../store/sqlite.ts';
import type { Store } from '../../store/store.ts';
import type { Follower } from './feed.ts';
import { Orders } from './orders.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const peer = { kind: 'operator', uid: 0 } as const;
const secret = 'PRIVATE KEY of an imported CA';
const step: ApiRequest = {
  ...{ method: 'POST', path: paths.caImports, query: new URLSearchParams(), peer },
  body: { chain: secret },
};

/** Two replicas on one store; what one writes is told to the other when the test says so. */
function world(epochs: { own: number | undefined; seen: number | undefined }) {
  const clock = new FakeClock();
  const store: Store = openSqliteStore(':memory:');
  const kek = memoryKek();
  const done: unknown[] = [];
  const replica = (epoch: () => number | undefined) => {
    const followers = new Map<string, Follower>();
    const orders = new Orders({
      ...{ store, kek, clock, random, log },
      replica: {
        get epoch() {
          return epoch();
        },
        get leaderEpoch() {
          return epochs.seen;
        },
        feed: { follow: (kind, _seen, follower) => void followers.set(kind, follower) },
        role: { add: async () => {} },
      },
      handler: async ({ body }): Promise<ApiReply> => {
        done.push(body);
        return { kind: 'json', body: { done: done.length } };
      },
    });
    const tell = async (kind: string): Promise<void> => {
      for (const document of await store.list(kind)) {
        await followers.get(kind)?.([{ id: document.id, document }]);
      }
    };
    return { orders, tell };
  };
  const asked = replica(() => undefined);
  const leader = replica(() => epochs.own);
  /** Until a document of this kind is in the store. */
  const written = async (kind: string): Promise<void> => {
    while ((await store.list(kind)).length === 0) await new Promise((wake) => setImmediate(wake));
  };
  return { clock, store, done, asked, leader, written };
}

describe('calls that only the leader may carry out', () => {
  it('go to it through the store and come back, once, and sealed all the way', async () => {
    const { store, done, asked, leader, written } = world({ own: 3, seen: 3 });
    const reply = asked.orders.handle(step);
    await written('order');
    const [order] = await store.list('order');
    assert.ok(!Buffer.from(order?.value ?? []).includes(secret));
    await leader.tell('order');
    await leader.tell('order');
    await written('order-answer');
    await asked.tell('order-answer');
    assert.deepEqual(await reply, { kind: 'json', body: { done: 1 } });
    assert.deepEqual(done, [step.body]);
    assert.deepEqual([...(await store.list('order')), ...(await store.list('order-answer'))], []);
  });

  it('are not carried out by a leader that came later: the one before may have, and it says so at once', async () => {
    const { done, asked, leader, written } = world({ own: 4, seen: 3 });
    const reply = asked.orders.handle(step);
    await written('order');
    await leader.tell('order');
    await written('order-answer');
    await asked.tell('order-answer');
    const refused = await reply;
    assert.ok(refused.kind === 'refused' && refused.finding.code === 'CH5452');
    assert.match(refused.finding.found ?? '', /another one leads/);
    assert.deepEqual(done, []);
  });

  it('are left by a leader that was overtaken, and refused when nobody answers', async () => {
    const { clock, store, done, asked, leader, written } = world({ own: 3, seen: 4 });
    const reply = asked.orders.handle(step);
    await written('order');
    await leader.tell('order');
    await new Promise((wake) => setImmediate(wake));
    assert.deepEqual(await store.list('order-answer'), []);
    clock.advance(9_000);
    const refused = await reply;
    assert.ok(refused.kind === 'refused' && refused.finding.code === 'CH5452');
    assert.deepEqual(done, []);
  });

  it('are refused at once where nobody leads, and an order that was not sealed with our key is not read', async () => {
    const { store, done, asked, leader } = world({ own: 3, seen: undefined });
    const refused = await asked.orders.handle(step);
    assert.ok(refused.kind === 'refused' && refused.finding.code === 'CH5451');
    const forged = JSON.stringify({ epoch: 3, request: { method: 'POST', path: paths.caSteps } });
    await store.put('order', 'forged', Buffer.from(forged), 0);
    await leader.tell('order');
    await new Promise((wake) => setImmediate(wake));
    assert.deepEqual(done, []);
  });

  it('are carried out where they come in by the one that leads, as are all others everywhere', async () => {
    const { done, asked, leader } = world({ own: 3, seen: 3 });
    await leader.orders.handle(step);
    await asked.orders.handle({ ...step, method: 'GET' });
    assert.equal(done.length, 2);
  });
});
