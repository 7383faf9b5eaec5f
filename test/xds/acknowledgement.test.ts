import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { typeUrls } from '../../src/compile/resource.ts';
import { Fixture } from './fixture.ts';
import type { Answer, RawClient } from './raw-client.ts';

const many = (count: number, version = '1'): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index}`, version]));

async function opened(fixture: Fixture, names: Record<string, string>): Promise<RawClient> {
  fixture.publish({ cluster: names });
  const client = fixture.connect();
  client.send('cluster');
  await client.nextAcked('cluster');
  return client;
}

describe('xDS acknowledgements', { timeout: 20_000 }, () => {
  it('C1 nonces are unique on a stream', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, { a: '1' });
    const nonces = new Set<string>();
    for (let version = 2; version < 12; version += 1) {
      fixture.publish({ cluster: { a: String(version) } });
      nonces.add((await client.nextAcked('cluster')).nonce);
    }
    assert.equal(nonces.size, 10);
  });

  it('C2 an ACK makes the sent versions the accepted ones, and is not answered', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    const answer = await client.next('cluster');
    const before = fixture.service.resources('p')[0]?.[0];
    assert.deepEqual([before?.state, before?.accepted], ['sent', undefined]);
    client.ack(answer);
    await client.silent();
    const after = fixture.service.resources('p')[0]?.[0];
    assert.deepEqual([after?.state, after?.accepted], ['accepted', '1']);
    assert.equal(fixture.eventsOf('acked')[0]?.names.join(), 'a');
  });

  it('C3 a NACK is recorded with its place in the intent, and the same version is not sent again', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, { a: '1', b: '1' });
    fixture.publish({ cluster: { a: '2', b: '1' } });
    client.nack(await client.next('cluster'), 'no good');
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
    fixture.publish({ cluster: { a: '2', b: '1' } });
    await client.silent();
    assert.deepEqual(fixture.service.status('p').rejected, [
      {
        resource: 'Cluster a',
        message: 'no good',
        version: '2',
        from: [{ file: 'services/a.yaml', line: 1, column: 1, length: 1 }],
        state: 'rejected',
        sinceMs: fixture.clock.nowMs(),
      },
    ]);
    const [nacked] = fixture.eventsOf('nacked');
    assert.deepEqual([nacked?.names, nacked?.message, nacked?.from.length], [['a'], 'no good', 1]);
  });

  it('C5 an error without a text is a NACK all the same', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, { a: '1' });
    fixture.publish({ cluster: { a: '2' } });
    client.nack(await client.next('cluster'), '');
    await client.nextAcked('cluster');
    assert.equal(fixture.service.status('p').rejected.length, 1);
  });

  it('C6 the next version is sent after a NACK, and its ACK clears the error', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, { a: '1' });
    fixture.publish({ cluster: { a: '2' } });
    client.nack(await client.next('cluster'), 'no');
    await client.nextAcked('cluster');
    fixture.publish({ cluster: { a: '3' } });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '3' });
    await client.silent();
    assert.deepEqual(fixture.service.status('p').rejected, []);
    fixture.publish({ cluster: { a: '1' } });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
  });

  it('C7 a nonce that is stale, or of another type, acknowledges nothing', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' }, endpoints: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    const clusters = await client.next('cluster');
    client.send('endpoints', { sub: ['a'] });
    const endpoints = await client.next('endpoints');
    client.send('cluster', { nonce: endpoints.nonce });
    client.send('cluster', { nonce: 'never' });
    await client.silent();
    assert.equal(fixture.service.resources('p')[0]?.[0]?.state, 'sent');
    assert.equal(fixture.service.counters.staleNonce, 2);
    client.ack(clusters);
    await client.silent();
    assert.equal(fixture.service.resources('p')[0]?.[0]?.state, 'accepted');
  });

  it('C8 an ACK and a change of subscription in one request both count', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ endpoints: { a: '1', b: '1' } });
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a'] });
    const { nonce } = await client.next('endpoints');
    client.send('endpoints', { nonce, sub: ['b'] });
    assert.deepEqual((await client.next('endpoints')).versions, { b: '1' });
    assert.equal(fixture.service.resources('p')[0]?.[0]?.state, 'accepted');
  });

  it('C10 a response that is not acknowledged is reported once, and not sent again', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    await client.next('cluster');
    const stuck = (): number =>
      fixture.eventsOf('stuck').filter(({ type }) => type === typeUrls.cluster).length;
    fixture.clock.advance(19_000);
    assert.equal(stuck(), 0);
    fixture.clock.advance(1_000);
    await client.silent();
    fixture.clock.advance(100_000);
    await client.silent('endpoints');
    assert.equal(stuck(), 1);
  });

  it('C11 what several proxies refused is not sent to the next, who keeps its last good one', async () => {
    await using fixture = await Fixture.open();
    const proxies = ['p1', 'p2', 'p3', 'p4'];
    const clients = new Map<string, RawClient>();
    for (const proxy of proxies) {
      fixture.publish({ cluster: { a: '1' } }, proxy);
      const client = fixture.connect(proxy);
      client.send('cluster');
      await client.nextAcked('cluster');
      clients.set(proxy, client);
    }
    for (const proxy of proxies) {
      fixture.publish({ cluster: { a: 'bad' } }, proxy);
      const client = clients.get(proxy);
      assert.ok(client);
      if (proxy === 'p4') {
        await client.silent();
        assert.equal(fixture.service.resources(proxy)[0]?.[0]?.state, 'quarantined');
        assert.equal(fixture.service.resources(proxy)[0]?.[0]?.accepted, '1');
        assert.equal(fixture.service.status(proxy).rejected.length, 1);
      } else {
        client.nack(await client.next('cluster'), 'bad');
        await client.nextAcked('cluster');
      }
    }
    await clients.get('p3')?.silent();
    assert.deepEqual(
      fixture.eventsOf('quarantined').map(({ proxy, name, version }) => [proxy, name, version]),
      [['p3', 'a', 'bad']],
    );
  });

  it('C11 a new Envoy of a proxy gets the last good one in place of what is quarantined', async () => {
    await using fixture = await Fixture.open();
    for (const proxy of ['p1', 'p2', 'p3']) {
      fixture.publish({ cluster: { a: '1' } }, proxy);
      const client = fixture.connect(proxy);
      client.send('cluster');
      await client.nextAcked('cluster');
      fixture.publish({ cluster: { a: 'bad' } }, proxy);
      client.nack(await client.next('cluster'), 'bad');
      await client.nextAcked('cluster');
      await client.silent();
    }
    const restarted = fixture.connect('p1');
    restarted.send('cluster');
    assert.deepEqual((await restarted.nextAcked('cluster')).versions, { a: '1' });
  });

  it('D2 only what the NACK names is refused; the others are sent again together', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, many(4));
    fixture.publish({ cluster: many(4, '2') });
    const named = 'Error adding/updating cluster(s) c1: unknown type';
    client.nack(await client.next('cluster'), named);
    const { versions } = await client.nextAcked('cluster');
    assert.deepEqual(versions, { c0: '2', c1: '1', c2: '2', c3: '2' });
    await client.silent();
    assert.deepEqual(
      fixture.service.status('p').rejected.map(({ resource }) => resource),
      ['Cluster c1'],
    );
  });

  it('D4 one bad of ten that nobody names: each is tried alone and nine land', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: many(10) });
    const client = fixture.connect();
    client.send('cluster');
    const isBad = ({ versions }: Answer): boolean => 'c3' in versions;
    client.nack(await client.next('cluster'), 'Proto constraint validation failed');
    const landed: string[] = [];
    for (let index = 0; index < 10; index += 1) {
      const answer = await client.next('cluster');
      const names = Object.keys(answer.versions);
      assert.equal(names.length, 1);
      if (isBad(answer)) client.nack(answer, 'Proto constraint validation failed');
      else {
        client.ack(answer);
        landed.push(...names);
      }
    }
    await client.silent();
    assert.equal(landed.length, 9);
    assert.deepEqual(
      fixture.service.status('p').rejected.map(({ resource }) => resource),
      ['Cluster c3'],
    );
  });

  it('D3 names of refused responses that no longer exist are removed on the next stream', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, { a: '1' });
    fixture.publish({ cluster: { a: '1', x: '1', y: '1' } });
    client.nack(await client.next('cluster'), 'Error adding/updating cluster(s) x: no');
    client.cancel();
    fixture.publish({ cluster: { a: '1' } });
    const next = fixture.connect();
    next.send('listener');
    next.send('cluster', { init: { a: '1' } });
    const { versions, removed } = await next.nextAcked('cluster');
    assert.deepEqual([versions, removed.toSorted()], [{}, ['x', 'y']]);
  });

  it('D8 a listener whose address is in use is tried again, other refusals are not', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ listener: { in: '1', out: '1' } });
    const client = fixture.connect();
    client.send('listener');
    const text =
      'Error adding/updating listener(s) in: cannot bind 127.0.0.1:80: Address already in use\nout: bad';
    client.nack(await client.next('listener'), text);
    await client.silent();
    fixture.clock.advance(10_000);
    assert.deepEqual((await client.nextAcked('listener')).versions, { in: '1' });
    await client.silent();
    assert.deepEqual(
      fixture.service.status('p').rejected.map(({ resource }) => resource),
      ['Listener out'],
    );
  });

  it('D7 a name is never both sent and removed', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, { a: '1', b: '1' });
    fixture.publish({ cluster: { a: '2', c: '1' } });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '2', c: '1' });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['b']);
    fixture.publish({ cluster: { a: '2', b: '1' } });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { b: '1' });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['c']);
  });
});
