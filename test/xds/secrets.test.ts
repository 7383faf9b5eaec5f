import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fixture } from './fixture.ts';
import { type RawClient, sdsMethod } from './raw-client.ts';

async function opened(fixture: Fixture, sub: string[], method?: string): Promise<RawClient> {
  const client = fixture.connect('p', method);
  client.send('secret', { sub });
  for (const name of sub) {
    assert.deepEqual(Object.keys((await client.nextAcked('secret')).versions), [name]);
  }
  return client;
}

/**
 * Envoy keeps a refused secret as pending: it takes it when it comes a second time, since it has not changed, and
 * until another one comes in its place it refuses good secrets of the same context with the first one's error.
 */
describe('xDS secrets', { timeout: 20_000 }, () => {
  it('D6 secrets go one by one, so that a NACK tells whose fault it is', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ secret: { own: '1', trust: '1' } });
    await opened(fixture, ['own', 'trust']);
  });

  it('D6 after a refused secret its last good one comes first, then all others again', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ secret: { own: '1', trust: '1', other: '1' } });
    const client = await opened(fixture, ['own', 'trust', 'other']);
    await client.silent('endpoints');
    fixture.publish({ secret: { own: '1', trust: 'bad', other: '1' } });
    client.nack(await client.next('secret'), 'Failed to load trusted CA');
    for (const versions of [{ trust: '1' }, { own: '1' }, { other: '1' }]) {
      assert.deepEqual((await client.nextAcked('secret')).versions, versions);
    }
    await client.silent('endpoints');
    assert.deepEqual(
      fixture.service.status('p').rejected.map(({ resource }) => resource),
      ['Secret trust'],
    );
  });

  it('D6 a good secret that was refused for another one comes again when that one is mended', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ secret: { trust: 'bad', own: '1' } });
    const client = fixture.connect();
    client.send('secret', { sub: ['trust', 'own'] });
    client.nack(await client.next('secret'), 'trust is bad');
    const victim = await client.next('secret');
    assert.deepEqual(victim.versions, { own: '1' });
    client.nack(victim, 'trust is bad');
    await client.silent('endpoints');
    fixture.publish({ secret: { trust: '2', own: '1' } });
    assert.deepEqual((await client.nextAcked('secret')).versions, { trust: '2' });
    assert.deepEqual((await client.nextAcked('secret')).versions, { own: '1' });
    await client.silent('endpoints');
    assert.deepEqual(fixture.service.status('p').rejected, []);
  });

  it('D6 the same holds when each secret has a stream of its own', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ secret: { own: '1', trust: '1' } });
    const own = await opened(fixture, ['own'], sdsMethod);
    const trust = await opened(fixture, ['trust'], sdsMethod);
    fixture.publish({ secret: { own: '2', trust: 'bad' } });
    const [badTrust, victim] = [await trust.next('secret'), await own.next('secret')];
    trust.nack(badTrust, 'trust is bad');
    const lastGood = await trust.next('secret');
    own.nack(victim, 'trust is bad');
    assert.deepEqual((await own.nextAcked('secret')).versions, { own: '1' });
    assert.deepEqual(lastGood.versions, { trust: '1' });
    trust.ack(lastGood);
    assert.deepEqual((await own.nextAcked('secret')).versions, { own: '2' });
  });

  it('D6 two bad secrets with one error do not excuse each other for ever', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ secret: { own: '1', trust: '1' } });
    const client = await opened(fixture, ['own', 'trust']);
    await client.silent('endpoints');
    fixture.publish({ secret: { own: 'bad', trust: 'bad' } });
    let answers = 0;
    for (;;) {
      client.send('endpoints', { sub: [`end-${answers}`] });
      const response = await client.response();
      if (response.typeUrl.endsWith('ClusterLoadAssignment')) break;
      answers += 1;
      assert.ok(answers < 30, 'the server goes on and on');
      const [resource] = response.resources;
      const isBad = resource?.version === 'bad';
      client.send('secret', { nonce: response.nonce, ...(isBad ? { error: 'bad' } : {}) });
      await endpointsAnswer(client);
    }
    assert.equal(fixture.service.status('p').rejected.length, 2);
  });

  it('D6 a refused secret is not sent on the next stream, the last good one is', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ secret: { trust: '1' } });
    const client = await opened(fixture, ['trust']);
    await client.silent('endpoints');
    fixture.publish({ secret: { trust: 'bad' } });
    client.nack(await client.next('secret'), 'trust is bad');
    await client.nextAcked('secret');
    client.cancel();
    const next = fixture.connect();
    next.send('secret', { sub: ['trust'] });
    assert.deepEqual((await next.nextAcked('secret')).versions, { trust: '1' });
  });
});

/** Takes the answer to the last question about endpoints. */
async function endpointsAnswer(client: RawClient): Promise<void> {
  client.ack(await client.next('endpoints'));
}
