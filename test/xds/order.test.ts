import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fixture, type Plan, snapshotOf } from './fixture.ts';

const first: Plan = {
  secret: { default: '1' },
  cluster: { a: '1' },
  endpoints: { a: '1' },
  listener: { in: '1' },
  routes: { r: '1' },
  extension: { policy: '1' },
};

describe('order of xDS responses', { timeout: 20_000 }, () => {
  it('E1 secrets, clusters and endpoints come first; listeners, routes and extensions after the ACK', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    // Leaves no secret in flight, which would send the new one later.
    await client.silent('endpoints');
    fixture.publish({
      secret: { default: '2' },
      cluster: { a: '2' },
      endpoints: { a: '2' },
      listener: { in: '2' },
      routes: { r: '2' },
      extension: { policy: '2' },
    });
    await client.nextAcked('secret');
    const clusters = await client.next('cluster');
    await client.nextAcked('endpoints');
    await client.silent();
    client.ack(clusters);
    assert.deepEqual((await client.nextAcked('listener')).versions, { in: '2' });
    assert.deepEqual((await client.nextAcked('routes')).versions, { r: '2' });
    assert.deepEqual((await client.nextAcked('extension')).versions, { policy: '2' });
    await client.silent();
    assert.equal(fixture.service.status('p').converged, true);
  });

  it('E2 at the start the first listeners wait for the ACK of the clusters', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(first);
    const client = fixture.connect();
    client.send('cluster');
    const clusters = await client.next('cluster');
    client.send('listener');
    await client.silent();
    client.ack(clusters);
    await client.nextAcked('listener');
  });

  it('E3 a route moves after its new cluster is warm, and the old cluster goes after the route', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    fixture.publish({ ...first, cluster: { b: '1' }, endpoints: { b: '1' }, routes: { r: 'b' } });
    const clusters = await client.next('cluster');
    assert.deepEqual([clusters.versions, clusters.removed], [{ b: '1' }, []]);
    client.send('endpoints', { sub: ['b'] });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { b: '1' });
    await client.silent();
    client.ack(clusters);
    const routes = await client.next('routes');
    await client.silent();
    client.ack(routes);
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['a']);
    assert.deepEqual((await client.nextAcked('endpoints')).removed, ['a']);
    await client.silent();
  });

  it('E3 removals go one step at a time: listeners, routes, then clusters', async () => {
    await using fixture = await Fixture.open();
    const plan = { ...first, listener: { in: '1', old: '1' }, cluster: { a: '1', old: '1' } };
    const client = await fixture.started(plan);
    fixture.publish(first);
    const listeners = await client.next('listener');
    assert.deepEqual(listeners.removed, ['old']);
    await client.silent();
    client.ack(listeners);
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['old']);
    await client.silent();
  });

  it('E4 an answer to a request neither overtakes the gate nor brings removals with it', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    fixture.publish({ ...first, cluster: { b: '1' }, endpoints: { b: '1' }, routes: { r: 'b' } });
    const clusters = await client.next('cluster');
    client.send('endpoints', { sub: ['b', 'nobody'] });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { b: '1' });
    assert.deepEqual((await client.nextAcked('endpoints')).removed, ['nobody']);
    client.send('routes', { sub: ['r'] });
    await client.silent();
    client.ack(clusters);
    await client.nextAcked('routes');
  });

  it('a newer snapshot takes the place of one that is still being sent', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    fixture.publish({ ...first, cluster: { a: '2' }, routes: { r: '2' } });
    const clusters = await client.next('cluster');
    await client.nextAcked('endpoints');
    fixture.publish({ ...first, cluster: { a: '3' }, routes: { r: '3' } });
    await client.silent();
    client.ack(clusters);
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '3' });
    await client.nextAcked('endpoints');
    assert.deepEqual((await client.nextAcked('routes')).versions, { r: '3' });
    await client.silent();
  });

  it('E5 a barrier that does not open in time lets the rest go on, and is reported', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    fixture.publish({ ...first, cluster: { a: '1', b: '1' }, routes: { r: '2' } });
    await client.next('cluster');
    fixture.clock.advance(19_999);
    await client.silent();
    fixture.clock.advance(1);
    assert.deepEqual((await client.nextAcked('routes')).versions, { r: '2' });
    assert.equal(fixture.eventsOf('stuck').length, 1);
  });

  it('E5 a refused new cluster holds back only what names it, and removals', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    const names = Buffer.concat([Buffer.from([0x0a, 3]), Buffer.from('new')]);
    const plan = {
      ...first,
      cluster: { new: '1' },
      routes: { r: '2' },
      extension: { policy: '2' },
      listener: { in: '1', extra: '1' },
    };
    fixture.service.publish('p', snapshotOf(plan, { r: names }));
    client.nack(await client.next('cluster'), 'unknown type');
    assert.deepEqual((await client.nextAcked('listener')).versions, { extra: '1' });
    assert.deepEqual((await client.nextAcked('extension')).versions, { policy: '2' });
    await client.silent();
    assert.equal(fixture.service.status('p').converged, false);
    const mended = { ...plan, cluster: { new: '2' } };
    fixture.service.publish('p', snapshotOf(mended, { r: names }));
    assert.deepEqual((await client.nextAcked('cluster')).versions, { new: '2' });
    assert.deepEqual((await client.nextAcked('routes')).versions, { r: '2' });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['a']);
  });

  it('E5 a refused change of a cluster that is live holds nothing back', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    const names = Buffer.concat([Buffer.from([0x0a, 1]), Buffer.from('a')]);
    const plan = { ...first, cluster: { a: '2' }, routes: { r: '2' } };
    fixture.service.publish('p', snapshotOf(plan, { r: names }));
    const clusters = await client.next('cluster');
    await client.nextAcked('endpoints');
    client.nack(clusters, 'no');
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
    await client.nextAcked('endpoints');
    assert.deepEqual((await client.nextAcked('routes')).versions, { r: '2' });
  });

  it('F1 a peer that has everything is sent nothing', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(first);
    const client = fixture.connect();
    client.send('cluster', { init: { a: '1' } });
    client.send('endpoints', { sub: ['a'], init: { a: '1' } });
    client.send('listener', { init: { in: '1' } });
    client.send('secret', { sub: ['default'], init: { default: '1' } });
    client.send('routes', { sub: ['r'], init: { r: '1' } });
    client.send('extension', { sub: ['policy'], init: { policy: '1' } });
    await client.silent();
    assert.equal(fixture.service.status('p').converged, true);
    assert.equal(fixture.eventsOf('converged').length, 1);
  });

  it('F2 what is gone is removed after a reconnect, but only when nothing can name it any more', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ ...first, cluster: { b: '1' }, endpoints: { b: '1' }, routes: { r: 'b' } });
    const client = fixture.connect();
    client.send('cluster', { init: { a: '1', b: '1' } });
    await client.silent();
    client.send('listener', { init: { in: '1' } });
    client.send('extension', { sub: ['policy'], init: { policy: '1' } });
    await client.silent();
    client.send('routes', { sub: ['r'], init: { r: '1' } });
    const routes = await client.next('routes');
    assert.deepEqual(routes.versions, { r: 'b' });
    await client.silent();
    client.ack(routes);
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['a']);
  });

  it('F2 a peer that never asks for listeners does not keep removals back for ever', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(first);
    const client = fixture.connect();
    client.send('cluster', { init: { a: '1', b: '1' } });
    await client.silent();
    fixture.clock.advance(20_000);
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['b']);
  });

  it('F3 a reported version of a name that is not asked for is ignored', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(first);
    const client = fixture.connect();
    client.send('endpoints', { sub: [], init: { gone: '1' } });
    await client.silent();
    fixture.clock.advance(60_000);
    await client.silent();
  });

  it('F5 versions that the server does not know are replaced', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(first);
    const client = fixture.connect();
    client.send('cluster', { init: { a: 'from another life' } });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
  });

  it('F6 G1 after a cluster changed its endpoints are sent again although they are the same', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ ...first, cluster: { a: '2' } });
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a'], init: { a: '1' } });
    client.send('cluster', { init: { a: '1' } });
    const clusters = await client.next('cluster');
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '1' });
    client.ack(clusters);
    await client.silent();
  });

  it('G1 the endpoints come after their cluster, not before', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    fixture.publish({ ...first, cluster: { a: '2' } });
    await client.nextAcked('cluster');
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '1' });
    await client.silent();
  });

  it('H1 H3 a change of endpoints is one answer of that type and nothing else', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    fixture.publish({ ...first, endpoints: { a: '2' } });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '2' });
    await client.silent();
  });

  it('what belongs to something refused is not waited for', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: 'bad' }, endpoints: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    const clusters = await client.next('cluster');
    client.send('endpoints', { sub: [] });
    await client.silent();
    assert.equal(fixture.service.status('p').converged, false);
    client.nack(clusters, 'no');
    await client.silent();
    assert.equal(fixture.service.status('p').converged, true);
  });

  it('the time from a publication to the last ACK is told', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(first);
    fixture.clock.advance(5_000);
    fixture.publish({ ...first, routes: { r: '2' } });
    const routes = await client.next('routes');
    fixture.clock.advance(42);
    client.ack(routes);
    await client.silent();
    assert.equal(fixture.eventsOf('converged').at(-1)?.tookMs, 42);
    assert.equal(fixture.eventsOf('acked').findLast(({ names }) => names[0] === 'r')?.tookMs, 42);
  });
});
