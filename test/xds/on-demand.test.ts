import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fixture, type Plan } from './fixture.ts';
import type { RawClient } from './raw-client.ts';

const plan: Plan = { cluster: { a: '1' }, endpoints: { a: '1' } };
const onDemand: Plan = { cluster: { od: '1', other: '1' }, endpoints: { od: '1', other: '1' } };

async function opened(fixture: Fixture, offered = onDemand): Promise<RawClient> {
  fixture.publish(plan, 'p', offered);
  const client = fixture.connect();
  client.send('cluster', { sub: ['*'] });
  assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
  client.send('endpoints', { sub: ['a'] });
  await client.nextAcked('endpoints');
  await client.silent();
  return client;
}

describe('xDS clusters on demand', { timeout: 20_000 }, () => {
  it('I2 a cluster comes when it is asked for by name, with its endpoints, and not before', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture);
    assert.equal(fixture.service.status('p').converged, true);
    client.send('cluster', { sub: ['od'] });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { od: '1' });
    client.send('endpoints', { sub: ['od'] });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { od: '1' });
    await client.silent();
    const names = fixture.service.resources('p')[0]?.map(({ name, state }) => `${name} ${state}`);
    assert.deepEqual(names, ['a accepted', 'od accepted', 'a accepted', 'od accepted']);
    assert.equal(fixture.eventsOf('converged').length, 1);
  });

  it('I2 a change of it goes to whom asked for it, and to nobody else', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture);
    client.send('cluster', { sub: ['od'] });
    await client.nextAcked('cluster');
    const changed = { ...onDemand, cluster: { od: '2', other: '2' } };
    fixture.publish(plan, 'p', changed);
    assert.deepEqual((await client.nextAcked('cluster')).versions, { od: '2' });
    await client.silent();
    fixture.publish(plan, 'p', { cluster: { other: '2' }, endpoints: { other: '1' } });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['od']);
    await client.silent();
    assert.equal(fixture.service.counters.pushesWithoutEffect, 0);
  });

  it('I2 a change of what is on demand alone is told when it is taken, also where nobody asked for it', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture);
    assert.equal(fixture.eventsOf('converged').length, 1);
    fixture.publish(plan, 'p', { ...onDemand, cluster: { od: '2', other: '1' } });
    assert.equal(fixture.eventsOf('converged').length, 2);
    await client.silent();
    client.send('cluster', { sub: ['od'] });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { od: '2' });
  });

  it('I2 a service that the proxy may not call is answered like one that does not exist', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { secret: '1' } }, 'q', { cluster: { hidden: '1' } });
    const client = await opened(fixture);
    for (const name of ['secret', 'hidden', 'nobody']) {
      client.send('cluster', { sub: [name] });
      const { versions, removed } = await client.nextAcked('cluster');
      assert.deepEqual([versions, removed], [{}, [name]]);
    }
  });

  it('B11 I2 a name asked for in vain comes when the service is allowed later', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture);
    client.send('cluster', { sub: ['later'] });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['later']);
    fixture.publish(plan, 'p', { cluster: { later: '1' } });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { later: '1' });
  });

  it('B8 I2 a name that is given up is taken away, since no wildcard has it', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture);
    client.send('cluster', { sub: ['od'] });
    await client.nextAcked('cluster');
    client.send('cluster', { unsub: ['od'] });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['od']);
    fixture.publish(plan, 'p', { cluster: { od: '2' } });
    await client.silent();
  });

  it('I2 names come back on a new stream, and what did not change is not sent again', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan, 'p', onDemand);
    const client = fixture.connect();
    client.send('cluster', { sub: ['*', 'od', 'never'], init: { a: '1', od: '1' } });
    const { versions, removed } = await client.nextAcked('cluster');
    assert.deepEqual([versions, removed], [{}, ['never']]);
    await client.silent();
  });

  it('I2 a proxy may ask for any number of names in vain: beyond a thousand they are not remembered', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture);
    const names = Array.from({ length: 1_500 }, (_, index) => `no-${index}`);
    client.send('cluster', { sub: names });
    assert.equal((await client.nextAcked('cluster')).removed.length, 1_500);
    assert.equal(fixture.service.counters.forgottenNames, 500);
    // One that exists is served all the same.
    client.send('cluster', { sub: ['od'] });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { od: '1' });
    const all = Object.fromEntries(names.map((name) => [name, '1']));
    fixture.publish(plan, 'p', { cluster: { od: '1', ...all } });
    assert.equal(Object.keys((await client.nextAcked('cluster')).versions).length, 1_000);
    const next = fixture.connect();
    next.send('cluster', { sub: ['*', ...names, 'x'] });
    assert.equal(Object.keys((await next.nextAcked('cluster')).versions).length, 1_501);
  });

  it('B3 I2 names in vain are no wildcard', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    const names = Array.from({ length: 1_001 }, (_, index) => `no-${index}`);
    client.send('cluster', { sub: names });
    const { versions, removed } = await client.nextAcked('cluster');
    assert.deepEqual([versions, removed.length], [{}, 1_001]);
    await client.silent();
  });
});
