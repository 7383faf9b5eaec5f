import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryStore, SharedMemory } from '../../../test/support/commits/shared-store.ts';
import { silent } from '../../../test/support/gate-world.ts';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { systemRandom as random } from '../../base/random.ts';
import { newMetrics } from '../operators/operations.ts';
import { replicaKind } from './presence.ts';
import { Replica } from './replica.ts';

it('a replica that goes while another one starts is not missed there', async () => {
  const [memory, clock] = [new SharedMemory(), new FakeClock()];
  const store = new MemoryStore(memory, { isShared: true });
  const about = { replica: 'r2', name: 'cp-2:1', startedMs: 1, state: 'serving' };
  await store.put(replicaKind, 'r2', Buffer.from(JSON.stringify(about)), 0);
  const replica = new Replica({
    ...{ store, port: 1, clock, random, log: silent, metrics: newMetrics(), remote: undefined },
  });
  await replica.start();
  const others = (): readonly string[] =>
    replica.presence.replicas.slice(1).map((one) => one.about.replica);
  assert.deepEqual(others(), ['r2']);
  await store.remove(replicaKind, 'r2');
  replica.feed.start();
  for (let turns = 0; turns < 5; turns += 1) await new Promise((done) => setImmediate(done));
  assert.deepEqual(others(), []);
});
