import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { typeUrls } from '../../src/compile/resource.ts';
import { grpcStatus } from '../../src/serve/grpc/status.ts';
import { Quarantine } from '../../src/serve/xds/quarantine.ts';
import { TypeMemory } from '../../src/serve/xds/type-memory.ts';
import { TypeState } from '../../src/serve/xds/type-state.ts';
import { Fixture, type Plan, snapshotOf } from './fixture.ts';
import type { RawClient } from './raw-client.ts';

const plan: Plan = { cluster: { a: '1' }, endpoints: { a: '1' }, listener: { in: '1' } };

/** Takes clusters and endpoints and forgets to ask for listeners. */
async function forgetful(fixture: Fixture): Promise<RawClient> {
  const client = fixture.connect();
  client.send('cluster');
  await client.nextAcked('cluster');
  client.send('endpoints', { sub: ['a'] });
  await client.nextAcked('endpoints');
  await client.silent();
  return client;
}

async function refuseEverywhere(fixture: Fixture): Promise<void> {
  for (const proxy of ['p1', 'p2', 'p3']) {
    fixture.publish({ cluster: { a: 'bad' } }, proxy);
    const client = fixture.connect(proxy);
    client.send('cluster');
    client.nack(await client.next('cluster'), 'no good');
    await client.silent();
  }
}

describe('never wedged', { timeout: 20_000 }, () => {
  it('a stream whose proxy lost a subscription is ended, so that it asks anew, and is counted', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = await forgetful(fixture);
    fixture.clock.advance(29_999);
    await client.silent();
    fixture.clock.advance(1);
    assert.equal((await client.outcome).code, grpcStatus.unavailable);
    assert.deepEqual(
      fixture.eventsOf('incomplete').map(({ proxy, types }) => [proxy, types]),
      [['p', [typeUrls.listener]]],
    );
    assert.equal(fixture.service.counters.incomplete, 1);
  });

  it('a single name that is never asked for is a lost subscription, too', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1', b: '1' }, endpoints: { a: '1', b: '1' } });
    const client = await forgetful(fixture);
    fixture.clock.advance(30_000);
    assert.equal((await client.outcome).code, grpcStatus.unavailable);
  });

  it('a proxy that a new stream does not help is left in peace for longer each time', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const first = await forgetful(fixture);
    fixture.clock.advance(30_000);
    await first.outcome;
    const second = await forgetful(fixture);
    fixture.clock.advance(30_000);
    await second.silent();
    fixture.clock.advance(30_000);
    assert.equal((await second.outcome).code, grpcStatus.unavailable);
  });

  it('what belongs to something refused is not a lost subscription', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: 'bad' }, endpoints: { a: '1' }, listener: { in: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    client.nack(await client.next('cluster'), 'no');
    await client.silent();
    fixture.clock.advance(600_000);
    await client.silent();
    assert.equal(fixture.service.counters.incomplete, 0);
  });

  it('what a peer was sent and never confirmed is found by the comparison and is due again', () => {
    const state = new TypeState({
      memory: new TypeMemory(),
      quarantine: new Quarantine(),
      refusalsSpread: false,
      nowMs: () => 0,
    });
    const present = snapshotOf({ cluster: { a: '1', b: '1' } }).get(typeUrls.cluster);
    const [a, b] = [present?.get('a'), present?.get('b')];
    assert.ok(present && a && b);
    const none: readonly string[] = [];
    const request = { subscribe: none, unsubscribe: none, versions: new Map<string, string>() };
    state.open({ ...request, wildcardIfEmpty: true, present });
    // The acknowledgement of the first is lost: the second takes its place.
    assert.equal(state.sent('1', { resources: [a], removed: [] }), true);
    state.sent('2', { resources: [b], removed: [] });
    assert.deepEqual(state.repeatUnconfirmed(present), [], 'something is under way');
    assert.equal(state.acknowledge('2', undefined, present).kind, 'ack');
    assert.deepEqual(state.dueAdditions(present).resources, []);
    assert.deepEqual(state.repeatUnconfirmed(present), ['a']);
    assert.deepEqual(state.repeatUnconfirmed(present), [], 'once is enough');
    assert.deepEqual(state.dueAdditions(present).resources, [a]);
    assert.equal(state.sent('3', { resources: [a], removed: [] }), true);
    state.acknowledge('3', undefined, present);
    assert.equal(state.sent('4', { resources: [a], removed: [] }), false, 'a push without effect');
  });

  it('the minute comparison finds nothing on a proxy that has everything', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    await client.nextAcked('cluster');
    await client.silent();
    fixture.clock.advance(600_000);
    await client.silent();
    assert.equal(fixture.service.counters.healed, 0);
  });

  it('C11 what is in quarantine is shown, with who refused it, why, since when and from where', async () => {
    await using fixture = await Fixture.open();
    await refuseEverywhere(fixture);
    assert.deepEqual(fixture.service.quarantined(), [
      {
        type: typeUrls.cluster,
        name: 'a',
        version: 'bad',
        proxies: ['p1', 'p2', 'p3'],
        message: 'no good',
        sinceMs: fixture.clock.nowMs(),
        from: [{ file: 'services/a.yaml', line: 1, column: 1, length: 1 }],
      },
    ]);
    assert.equal(fixture.service.counters.quarantined, 1);
  });

  it('each resource says its state, since when, and why it was refused', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1', b: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    await client.nextAcked('cluster');
    await client.silent();
    const acceptedMs = fixture.clock.nowMs();
    fixture.clock.advance(1_000);
    fixture.publish({ cluster: { a: '2', b: '1' } });
    const answer = await client.next('cluster');
    assert.equal(fixture.service.status('p').state, 'converging');
    fixture.clock.advance(500);
    client.nack(answer, 'no good');
    await client.nextAcked('cluster');
    await client.silent();
    const [a, b] = fixture.service.resources('p')[0] ?? [];
    assert.deepEqual(
      [a?.state, a?.accepted, a?.sinceMs, a?.refusal?.message, a?.refusal?.from[0]?.line],
      ['rejected', '1', acceptedMs + 1_500, 'no good', 1],
    );
    assert.deepEqual([b?.state, b?.sinceMs, b?.refusal], ['accepted', acceptedMs, undefined]);
    const { state, sinceMs } = fixture.service.status('p');
    assert.deepEqual([state, sinceMs], ['refusing', acceptedMs + 1_500]);
  });

  it('a proxy is away, converging, stuck or converged, and says since when', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    const startMs = fixture.clock.nowMs();
    const now = (): readonly unknown[] => {
      const { state, sinceMs } = fixture.service.status('p');
      return [state, sinceMs - startMs, fixture.service.counters.dirtyAgeMs];
    };
    assert.deepEqual(now(), ['away', 0, 0]);
    const client = fixture.connect();
    client.send('cluster');
    const answer = await client.next('cluster');
    fixture.clock.advance(10_000);
    assert.deepEqual(now(), ['converging', 0, 10_000]);
    fixture.clock.advance(10_000);
    assert.deepEqual(now(), ['stuck', 0, 20_000]);
    client.ack(answer);
    await client.silent();
    assert.deepEqual(now(), ['converged', 20_000, 0]);
    fixture.clock.advance(1_000);
    client.cancel();
    while (fixture.eventsOf('disconnected').length === 0) await new Promise(setImmediate);
    assert.deepEqual(now(), ['away', 21_000, 0]);
  });

  it('K5 streams, pushes, bytes, acknowledgements with their latency and refusals are counted by type', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' }, endpoints: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    const clusters = await client.next('cluster');
    fixture.clock.advance(30);
    client.ack(clusters);
    client.send('endpoints', { sub: ['a'] });
    client.nack(await client.next('endpoints'), 'no');
    await client.silent();
    const { types, ...counters } = fixture.service.counters;
    const of = (type: 'cluster' | 'endpoints') => types.get(typeUrls[type]);
    assert.deepEqual(
      [of('cluster')?.pushes, of('cluster')?.acks, of('cluster')?.nacks, of('cluster')?.ackSumMs],
      [1, 1, 0, 30],
    );
    assert.deepEqual(of('cluster')?.ackBuckets, [0, 0, 1, 0, 0, 0, 0]);
    assert.deepEqual([of('endpoints')?.acks, of('endpoints')?.nacks], [0, 1]);
    assert.deepEqual([counters.streams, counters.streamsOpened, counters.nacks], [1, 1, 1]);
    const bytes = [...types.values()].reduce((sum, one) => sum + one.bytes, 0);
    assert.ok(counters.bytes === bytes && bytes > 0);
    assert.equal(counters.pushesWithoutEffect, 0);
  });

  it('A12 a drain ends each stream with trailers, spread over its time, and refuses new ones', async () => {
    await using fixture = await Fixture.open();
    const ended: number[] = [];
    for (let index = 0; index < 10; index += 1) {
      fixture.publish({ cluster: { a: '1' } }, `p${index}`);
      const client = fixture.connect(`p${index}`);
      client.send('cluster');
      await client.nextAcked('cluster');
      void client.outcome.then(({ code }) => ended.push(code));
    }
    const drained = fixture.service.drain(1_000);
    const late = fixture.connect('p0');
    late.send('cluster');
    assert.equal((await late.outcome).code, grpcStatus.unavailable);
    for (let part = 1; part <= 10; part += 1) {
      fixture.clock.advance(100);
      assert.equal(fixture.service.counters.drained, part);
    }
    await drained;
    while (ended.length < 10) await new Promise(setImmediate);
    assert.deepEqual(new Set(ended), new Set([grpcStatus.unavailable]));
  });
});
