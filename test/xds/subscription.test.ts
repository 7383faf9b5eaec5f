import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fixture, type Plan } from './fixture.ts';
import type { RawClient, ShortType } from './raw-client.ts';

const plan: Plan = {
  cluster: { a: '1', b: '1' },
  endpoints: { a: '1', b: '1' },
  routes: { r: '1' },
  secret: { default: '1' },
};

async function opened(fixture: Fixture, type: ShortType, sub: string[]): Promise<RawClient> {
  fixture.publish(plan);
  const client = fixture.connect();
  client.send(type, { sub });
  await client.nextAcked(type);
  return client;
}

describe('xDS subscriptions', { timeout: 20_000 }, () => {
  it('B1 a first request without names means all clusters', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.send('cluster');
    assert.deepEqual((await client.next('cluster')).versions, { a: '1', b: '1' });
  });

  it('B2 the star means all, also beside names', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.send('cluster', { sub: ['*', 'od'] });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1', b: '1' });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['od']);
  });

  it('B3 names alone mean only these', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.send('cluster', { sub: ['a'] });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
    fixture.publish({ ...plan, cluster: { a: '1', b: '2' } });
    await client.silent();
  });

  it('B4 a name asked for later stands beside the wildcard', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, 'cluster', []);
    client.send('cluster', { sub: ['a'] });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
    fixture.publish({ ...plan, cluster: { a: '1', b: '2' } });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { b: '2' });
  });

  it('B5 a wildcard given up leaves the names, and does not come back with the last of them', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, 'cluster', ['*', 'a']);
    client.send('cluster', { unsub: ['*'] });
    await client.silent();
    fixture.publish({ ...plan, cluster: { a: '2', b: '2' } });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '2' });
    client.send('cluster', { unsub: ['a'] });
    await client.silent();
    fixture.publish({ ...plan, cluster: { a: '3', b: '3' } });
    await client.silent();
  });

  it('B6 a name that was never asked for may be given up', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, 'endpoints', ['a']);
    client.send('endpoints', { unsub: ['nobody'] });
    await client.silent();
  });

  it('B7 giving up a name needs no answer', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, 'endpoints', ['a', 'b']);
    client.send('endpoints', { unsub: ['a'] });
    await client.silent();
    fixture.publish({ ...plan, endpoints: { a: '2', b: '2' } });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { b: '2' });
  });

  it('B8 beside a wildcard, giving up a name is answered with what remains of it', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, 'cluster', ['*', 'a']);
    client.send('cluster', { sub: ['gone'] });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['gone']);
    client.send('cluster', { unsub: ['a'] });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
    client.send('cluster', { unsub: ['gone'] });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['gone']);
  });

  it('B9 a name subscribed again is sent again', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, 'endpoints', ['a']);
    client.send('endpoints', { sub: ['a'] });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '1' });
    client.send('endpoints', { unsub: ['a'] });
    client.send('endpoints', { sub: ['a'] });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '1' });
    await client.silent();
  });

  it('B10 a name that does not exist is answered at once', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, 'endpoints', ['a']);
    client.send('endpoints', { sub: ['nobody'] });
    const answer = await client.nextAcked('endpoints');
    assert.deepEqual([answer.versions, answer.removed], [{}, ['nobody']]);
    await client.silent();
  });

  it('B11 a name that comes into existence later is sent without a new request', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.send('endpoints', { sub: ['c'] });
    await client.nextAcked('endpoints');
    await client.silent();
    fixture.publish({ ...plan, endpoints: { c: '1' } });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { c: '1' });
  });

  it('B12 a name subscribed and unsubscribed in one request is not subscribed', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a'], unsub: ['a'] });
    client.send('cluster', { sub: ['*'], unsub: ['*'] });
    await client.silent();
    fixture.publish({ ...plan, endpoints: { a: '2' }, cluster: { a: '2' } });
    await client.silent();
  });

  it('B13 a first request without names means nothing for endpoints, routes and secrets', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    for (const type of ['endpoints', 'routes', 'secret', 'extension'] as const) client.send(type);
    await client.silent();
  });

  it('B15 names are carried as they are', async () => {
    await using fixture = await Fixture.open();
    const names = ['outbound|80|a.b', 'with space', 'ä😀', 'x'.repeat(4_096), '__proto__'];
    const endpoints = Object.fromEntries(names.map((name) => [name, '1']));
    Object.defineProperty(endpoints, '__proto__', { value: '1', enumerable: true });
    fixture.publish({ endpoints });
    const client = fixture.connect();
    client.send('endpoints', { sub: names });
    const { versions } = await client.nextAcked('endpoints');
    assert.deepEqual(Object.keys(versions).toSorted(), names.toSorted());
  });

  it('B16 thousands of names in one request get one answer', async () => {
    await using fixture = await Fixture.open();
    const names = Array.from({ length: 5_000 }, (_, index) => `outbound|${index}`);
    fixture.publish({ endpoints: Object.fromEntries(names.map((name) => [name, '1'])) });
    const client = fixture.connect();
    client.send('endpoints', { sub: names });
    assert.equal(Object.keys((await client.nextAcked('endpoints')).versions).length, 5_000);
    await client.silent();
  });

  it('B17 a change of subscription counts although its nonce is stale', async () => {
    await using fixture = await Fixture.open();
    const client = await opened(fixture, 'endpoints', ['a']);
    client.send('endpoints', { sub: ['b'], nonce: 'long ago' });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { b: '1' });
  });
});
