import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fixture, snapshotOf } from './fixture.ts';

const big = (count: number, version: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index}`, version]));

describe('flow of xDS responses', { timeout: 20_000 }, () => {
  it('J2 while a response is not acknowledged changes only replace each other', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ endpoints: { a: '0', b: '0' } });
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a', 'b'] });
    const answer = await client.next('endpoints');
    for (let version = 1; version <= 100; version += 1) {
      fixture.publish({ endpoints: { a: String(version), b: version > 50 ? 'late' : '0' } });
    }
    await client.silent();
    client.ack(answer);
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '100', b: 'late' });
    await client.silent();
    assert.equal(
      fixture.eventsOf('sent').filter(({ resources }) => resources.some(({ name }) => name === 'a'))
        .length,
      2,
    );
  });

  it('J2 a change that is taken back before it was sent is not sent', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ endpoints: { a: '1', b: '1' } });
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a', 'b'] });
    const answer = await client.next('endpoints');
    fixture.publish({ endpoints: { a: '2', b: '1' } });
    fixture.publish({ endpoints: { a: '1', b: '1' } });
    client.ack(answer);
    await client.silent();
  });

  it('K5 what a proxy had before and has again is told as taken again, sent or not', async () => {
    await using fixture = await Fixture.open();
    const [first, second] = [
      snapshotOf({ cluster: { a: '1' } }),
      snapshotOf({ cluster: { a: '2' } }),
    ];
    fixture.service.publish('p', first);
    const client = fixture.connect();
    client.send('cluster');
    await client.nextAcked('cluster');
    await client.silent();
    const told = (): number => fixture.eventsOf('converged').length;
    assert.equal(told(), 1);
    fixture.service.publish('p', second);
    fixture.service.publish('p', first);
    await client.nextAcked('cluster');
    await client.nextAcked('cluster');
    await client.silent();
    assert.equal(told(), 2);
    // While it takes something else nothing of the change is sent.
    const third = snapshotOf({ cluster: { a: '3' } });
    fixture.service.publish('p', third);
    const answer = await client.next('cluster');
    fixture.service.publish('p', second);
    fixture.service.publish('p', third);
    client.ack(answer);
    await client.silent();
    assert.equal(told(), 3);
  });

  it('what a proxy gives up is told, and only what it had', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ endpoints: { a: '1', b: '1' } });
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a', 'b', 'none'] });
    await client.nextAcked('endpoints');
    await client.nextAcked('endpoints');
    client.send('endpoints', { unsub: ['a', 'none'] });
    await client.silent();
    assert.deepEqual(
      fixture.eventsOf('dropped').map(({ proxy, names }) => [proxy, names]),
      [['p', ['a']]],
    );
  });

  it('what a proxy gave up while it was on its way is not told as taken', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ endpoints: { a: '1', b: '1' } });
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a', 'b'] });
    const answer = await client.next('endpoints');
    client.send('endpoints', { unsub: ['a'] });
    client.ack(answer);
    await client.silent();
    const [acked] = fixture.eventsOf('acked');
    assert.deepEqual(
      acked?.accepted.map(({ name }) => name),
      ['b'],
    );
  });

  it('J3 a peer that does not read is cut off after a minute without progress', async () => {
    await using fixture = await Fixture.open();
    const bytes = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`c${index}`, new Uint8Array(200_000)]),
    );
    fixture.service.publish('p', snapshotOf({ cluster: big(8, '1') }, bytes));
    const client = fixture.connect();
    client.send('cluster');
    await sentTo(fixture);
    assert.equal(fixture.service.status('p').streams, 1);
    fixture.clock.advance(60_000);
    await client.outcome;
    const other = fixture.connect();
    other.send('endpoints');
    await other.silent();
    assert.equal(fixture.service.status('p').streams, 1);
  });

  it('J4 a proxy that acknowledges nothing delays no other', async () => {
    await using fixture = await Fixture.open();
    for (const proxy of ['stuck', 'good']) fixture.publish({ cluster: { a: '1' } }, proxy);
    const [stuck, good] = [fixture.connect('stuck'), fixture.connect('good')];
    stuck.send('cluster');
    good.send('cluster');
    await stuck.next('cluster');
    await good.nextAcked('cluster');
    for (let version = 2; version < 20; version += 1) {
      for (const proxy of ['stuck', 'good']) {
        fixture.publish({ cluster: { a: String(version) } }, proxy);
      }
      assert.deepEqual((await good.nextAcked('cluster')).versions, { a: String(version) });
    }
  });

  it('J7 more than a megabyte comes in several responses, and every resource once', async () => {
    await using fixture = await Fixture.open();
    const count = 50;
    const bytes = Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`c${index}`, new Uint8Array(100_000)]),
    );
    fixture.service.publish('p', snapshotOf({ cluster: big(count, '1') }, bytes));
    const client = fixture.connect();
    client.send('cluster');
    const names: string[] = [];
    let responses = 0;
    while (names.length < count) {
      const { versions } = await client.nextAcked('cluster');
      assert.ok(Object.keys(versions).length <= 11);
      names.push(...Object.keys(versions));
      responses += 1;
    }
    await client.silent();
    assert.equal(new Set(names).size, count);
    assert.equal(responses, 5);
  });

  it('a proxy may not open streams without end', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    for (let index = 0; index < 64; index += 1) {
      const client = fixture.connect();
      client.send('cluster');
      await client.next('cluster');
    }
    const oneTooMany = fixture.connect();
    oneTooMany.send('cluster');
    assert.match((await oneTooMany.outcome).message, /too many streams/);
  });
});

/** Resolves when the service has written its first response. */
async function sentTo(fixture: Fixture): Promise<void> {
  while (fixture.eventsOf('sent').length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
