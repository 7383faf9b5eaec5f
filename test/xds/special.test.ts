import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Resource, typeUrls } from '../../src/compile/resource.ts';
import { encodeResponse } from '../../src/serve/xds/wire.ts';
import { Fixture, type Plan, snapshotOf } from './fixture.ts';

describe('xDS types that are special or not served', { timeout: 20_000 }, () => {
  const refused: readonly (readonly [string, string])[] = [
    ['I3 virtual hosts', 'type.googleapis.com/envoy.config.route.v3.VirtualHost'],
    ['scoped routes', 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration'],
  ];
  for (const [name, typeUrl] of refused) {
    it(`${name} are left unanswered and counted; nothing else suffers`, async () => {
      await using fixture = await Fixture.open();
      fixture.publish({ cluster: { a: '1' } });
      const client = fixture.connect();
      client.sendTyped(typeUrl, { sub: ['r/host'] });
      await client.silent();
      client.send('cluster');
      await client.nextAcked('cluster');
      assert.equal(fixture.service.counters.unknownType, 1);
    });
  }

  it('I5 extensions are served by the same engine, by explicit names only', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ extension: { x: '1', y: '1' } });
    const client = fixture.connect();
    client.send('extension', { sub: ['x'] });
    assert.deepEqual((await client.nextAcked('extension')).versions, { x: '1' });
    fixture.publish({ extension: { x: '1', y: '2' } });
    await client.silent();
  });

  it('I5 runtime layers are, too; a peer that asks for none is whole without, one that asks is told', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ runtime: { r: '1' }, cluster: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    await client.nextAcked('cluster');
    await client.silent();
    assert.equal(fixture.service.status('p').state, 'converged');
    client.send('runtime', { sub: ['r'] });
    assert.deepEqual((await client.nextAcked('runtime')).versions, { r: '1' });
    const other = fixture.connect();
    other.send('runtime', { sub: ['none'] });
    assert.deepEqual((await other.nextAcked('runtime')).removed, ['none']);
  });

  it('I1 I4 I6 no resource has a time to live or an alias, and no response has resource errors', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' }, endpoints: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    const answers = [await client.response()];
    client.send('endpoints', { sub: ['a', 'alias-of-a'] });
    answers.push(await client.response());
    for (const { resources, resourceErrors } of answers) {
      assert.deepEqual(resourceErrors, []);
      for (const { ttl, aliases, resource } of resources) {
        assert.deepEqual([ttl, aliases], [undefined, []]);
        assert.ok(resource !== undefined, 'a resource without content is a heartbeat');
      }
    }
    client.send('endpoints', { nonce: answers[1]?.nonce ?? '' });
    assert.deepEqual((await client.nextAcked('endpoints')).removed, ['alias-of-a']);
    await client.silent();
    fixture.clock.advance(3_600_000);
    await client.silent();
  });
});

describe('xDS scheduling', { timeout: 20_000 }, () => {
  it('J1 a client that does not read has at most one response of a type waiting for it', async () => {
    await using fixture = await Fixture.open();
    const bytes = { a: new Uint8Array(900_000) };
    fixture.service.publish('p', snapshotOf({ endpoints: { a: '0' } }, bytes));
    const slow = fixture.connect();
    slow.send('endpoints', { sub: ['a'] });
    while (fixture.eventsOf('sent').length === 0) await new Promise(setImmediate);
    for (let version = 1; version <= 1_000; version += 1) {
      fixture.service.publish('p', snapshotOf({ endpoints: { a: String(version) } }, bytes));
    }
    assert.equal(fixture.service.counters.pushes, 1);
    assert.ok(fixture.service.counters.bytes < 1_000_000);
    const first = await slow.next('endpoints');
    slow.ack(first);
    assert.deepEqual((await slow.nextAcked('endpoints')).versions, { a: '1000' });
  });

  it('J5 a resource is encoded once, however many streams it goes to', () => {
    const known = snapshotOf({ cluster: { a: '1' } })
      .get(typeUrls.cluster)
      ?.get('a');
    assert.ok(known);
    let reads = 0;
    const one: Resource = {
      ...known,
      get version() {
        reads += 1;
        return '1';
      },
    };
    const encoded = ['x', 'x', 'x'].map((nonce) =>
      encodeResponse({ typeUrl: typeUrls.cluster, nonce, resources: [one], removed: [] }),
    );
    assert.equal(reads, 1);
    assert.deepEqual(encoded[2], encoded[0]);
  });

  it('J6 a request is answered while pushes to others go on, and pushes go out while requests come', async () => {
    await using fixture = await Fixture.open();
    const full: Plan = { endpoints: { a: '1' }, routes: { r: '1' } };
    fixture.publish(full);
    const busy = fixture.connect();
    busy.send('endpoints', { sub: ['a'] });
    await busy.nextAcked('endpoints');
    fixture.publish({ cluster: { a: '1' } }, 'q');
    for (let version = 2; version < 50; version += 1) {
      fixture.publish({ ...full, endpoints: { a: String(version) } });
      busy.send('routes', { sub: ['r'] });
    }
    const asking = fixture.connect('q');
    asking.send('cluster');
    await asking.nextAcked('cluster');
    const seen = new Set<string>();
    while (seen.size < 2) {
      const { typeUrl, nonce } = await busy.response();
      seen.add(typeUrl);
      busy.sendTyped(typeUrl, { nonce });
    }
  });
});
