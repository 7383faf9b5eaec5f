import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { proxyBootstrap } from '../../src/agent/bootstrap.ts';
import { typeUrls } from '../../src/compile/resource.ts';
import { BootstrapSchema } from '../../src/gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { DeltaDiscoveryRequestSchema } from '../../src/gen/envoy/service/discovery/v3/discovery_pb.js';
import { grpcStatus } from '../../src/serve/grpc/status.ts';
import { Fixture, type Plan, snapshotOf } from './fixture.ts';

const full: Plan = {
  cluster: { a: '1' },
  endpoints: { a: '1' },
  listener: { in: '1' },
  routes: { r: '1' },
};

describe('xDS rules of streams and acknowledgements', { timeout: 20_000 }, () => {
  it('A8 of a node of 61 KB only who it is is kept', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    const extensions = Array.from({ length: 1_200 }, (_, index) => ({
      name: `envoy.filters.http.extension_${index}`,
      category: 'envoy.filters.http',
    }));
    const node = { id: 'p', cluster: 'shop', userAgentName: 'envoy', extensions };
    const message = create(DeltaDiscoveryRequestSchema, { typeUrl: typeUrls.cluster, node });
    const bytes = toBinary(DeltaDiscoveryRequestSchema, message);
    assert.ok(bytes.length > 61_000);
    const client = fixture.connect();
    client.sendBytes(bytes);
    await client.nextAcked('cluster');
    assert.deepEqual(
      fixture.events.flatMap((event) => (event.kind === 'connected' ? [event.node] : [])),
      [{ id: 'p', cluster: 'shop', userAgent: 'envoy' }],
    );
  });

  it('A9 a request beyond the limit ends its stream with RESOURCE_EXHAUSTED, and no other', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    const [good, bad] = [fixture.connect(), fixture.connect()];
    good.send('cluster');
    await good.nextAcked('cluster');
    bad.sendBytes(new Uint8Array(4 * 1024 * 1024 + 1));
    assert.equal((await bad.outcome).code, grpcStatus.resourceExhausted);
    await good.silent();
  });

  it('A13 the bootstrap sets the back-off of reconnects', () => {
    const bytes = proxyBootstrap({
      workload: 'p',
      service: 's',
      agentSocket: '/a.sock',
      adminSocket: '/b.sock',
      controlPlane: { servers: [{ host: '127.0.0.1', port: 1 }], spiffeId: 'spiffe://t/c' },
    });
    const ads = fromBinary(BootstrapSchema, bytes).dynamicResources?.adsConfig;
    const target = ads?.grpcServices[0]?.targetSpecifier;
    assert.ok(target?.case === 'envoyGrpc');
    const backOff = target.value.retryPolicy?.retryBackOff;
    assert.deepEqual([backOff?.baseInterval?.nanos, backOff?.maxInterval?.seconds], [1e8, 2n]);
    assert.equal(ads?.setNodeOnFirstMessageOnly, true);
  });

  it('B14 a change of what was not asked for is not sent', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ endpoints: { a: '1', b: '1' }, routes: { r: '1', s: '1' } });
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a'] });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '1' });
    fixture.publish({ endpoints: { a: '1', b: '2' }, routes: { r: '2', s: '1' } });
    await client.silent();
    assert.equal(fixture.service.counters.pushes, 2, 'the answer and the one of silent()');
  });

  it('C4 an answer is a NACK by its error alone, whatever versions it speaks of', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    const { nonce } = await client.next('cluster');
    client.send('cluster', { nonce, init: { a: 'another' } });
    await client.silent();
    assert.equal(fixture.service.counters.acks, 1);
    assert.equal(fixture.service.resources('p')[0]?.[0]?.state, 'accepted');
    fixture.publish({ cluster: { a: '2' } });
    const second = await client.next('cluster');
    client.send('cluster', { nonce: second.nonce, init: { a: '2' }, error: 'no' });
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
    assert.equal(fixture.service.counters.nacks, 1);
  });

  it('C9 one response of a type is under way at a time, and what is not acknowledged is not taken for accepted', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    const first = await client.next('cluster');
    fixture.publish({ cluster: { a: '2' } });
    await client.silent();
    assert.equal(fixture.service.resources('p')[0]?.[0]?.accepted, undefined);
    client.ack(first);
    const second = await client.next('cluster');
    assert.equal(fixture.service.resources('p')[0]?.[0]?.accepted, '1');
    client.ack(second);
    await client.silent();
    client.ack(first);
    await client.silent();
    assert.equal(fixture.service.resources('p')[0]?.[0]?.accepted, '2');
  });

  it('C12 what a NACK quotes of secrets is in no event and in no status', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    const quoted = `bad: private_key { inline_string: "hush" } ${'x '.repeat(3_000)}`;
    client.nack(await client.next('cluster'), quoted);
    await client.silent();
    const said = JSON.stringify([fixture.events, fixture.service.status('p')]);
    assert.doesNotMatch(said, /hush/);
    assert.ok(said.length < 6_000);
    assert.match(fixture.service.status('p').rejected[0]?.message ?? '', /^bad: private_key/);
  });

  it('D1 a response that is refused as a whole costs none of its good resources', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1', b: '1', c: 'bad' } });
    const client = fixture.connect();
    client.send('cluster');
    client.nack(await client.next('cluster'), 'Proto constraint validation failed');
    for (let left = 3; left > 0; left -= 1) {
      const answer = await client.next('cluster');
      if ('c' in answer.versions) client.nack(answer, 'Proto constraint validation failed');
      else client.ack(answer);
    }
    await client.silent();
    const states = fixture.service.resources('p')[0]?.map(({ name, state }) => `${name} ${state}`);
    assert.deepEqual(states, ['a accepted', 'b accepted', 'c rejected']);
  });

  it('D5 a refused route or assignment is not sent again; the last good one is what counts as accepted', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(full);
    fixture.publish({ ...full, routes: { r: 'bad' }, endpoints: { a: 'bad' } });
    client.nack(await client.next('endpoints'), 'no');
    client.nack(await client.next('routes'), 'no');
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '1' });
    assert.deepEqual((await client.nextAcked('routes')).versions, { r: '1' });
    await client.silent();
    const [, endpoints, , routes] = fixture.service.resources('p')[0] ?? [];
    assert.deepEqual([endpoints?.state, endpoints?.accepted], ['rejected', '1']);
    assert.deepEqual([routes?.state, routes?.accepted], ['rejected', '1']);
    // Nobody knows what is left of it at the proxy, so that is no push without effect.
    assert.equal(fixture.service.counters.pushesWithoutEffect, 0);
  });
});

describe('xDS rules of order, warming and reconnects', { timeout: 20_000 }, () => {
  it('E6 a changed listener does not bring its routes again; those of a new one come when asked for', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(full);
    fixture.publish({ ...full, listener: { in: '2', out: '1' }, routes: { r: '1', s: '1' } });
    assert.deepEqual((await client.nextAcked('listener')).versions, { in: '2', out: '1' });
    await client.silent();
    client.send('routes', { sub: ['s'] });
    assert.deepEqual((await client.nextAcked('routes')).versions, { s: '1' });
    await client.silent();
  });

  it('E7 E8 an empty route configuration or assignment is sent, not taken for a missing one', async () => {
    await using fixture = await Fixture.open();
    const bytes = { a: new Uint8Array(), r: new Uint8Array() };
    fixture.service.publish('p', snapshotOf({ endpoints: { a: '1' }, routes: { r: '1' } }, bytes));
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a'] });
    const endpoints = await client.nextAcked('endpoints');
    client.send('routes', { sub: ['r'] });
    const routes = await client.nextAcked('routes');
    assert.deepEqual([endpoints.versions, endpoints.removed], [{ a: '1' }, []]);
    assert.deepEqual([routes.versions, routes.removed], [{ r: '1' }, []]);
  });

  it('E9 a secret is answered at once, also while clusters are not warm, and so is one that does not exist', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ cluster: { a: '1' }, secret: { own: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    await client.next('cluster');
    client.send('secret', { sub: ['own'] });
    assert.deepEqual((await client.nextAcked('secret')).versions, { own: '1' });
    client.send('secret', { sub: ['nobody'] });
    assert.deepEqual((await client.nextAcked('secret')).removed, ['nobody']);
  });

  it('F4 a name that is reported in the present version is not sent, a later subscription of it is', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ endpoints: { a: '1', b: '1' } });
    const client = fixture.connect();
    client.send('endpoints', { sub: ['a', 'b'], init: { a: '1' } });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { b: '1' });
    client.send('endpoints', { sub: ['a'] });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '1' });
  });

  it('F7 a storm of reconnects is served with nothing, or with all, and every proxy gets there', async () => {
    await using fixture = await Fixture.open();
    const proxies = Array.from({ length: 300 }, (_, index) => `p${index}`);
    for (const proxy of proxies) fixture.publish({ cluster: { a: '2' } }, proxy);
    await Promise.all(
      proxies.map(async (proxy, index) => {
        const client = fixture.connect(proxy);
        client.send('cluster', { init: { a: index % 2 === 0 ? '2' : '1' } });
        if (index % 2 === 1) await client.nextAcked('cluster');
        await client.silent();
      }),
    );
    const statuses = [...fixture.service.statuses().values()];
    assert.equal(statuses.filter(({ state }) => state === 'converged').length, 300);
    const pushes = fixture.service.counters.types.get(typeUrls.cluster)?.pushes;
    assert.equal(pushes, 150);
  });

  it('F8 a proxy that was cut off in the middle of a push gets the rest of it from the next server', async () => {
    await using crashed = await Fixture.open();
    const client = await crashed.started(full);
    crashed.publish({ ...full, cluster: { a: '2', b: '1' }, routes: { r: '2' } });
    await client.nextAcked('cluster');
    client.cancel();
    await using next = await Fixture.open();
    next.publish({ ...full, cluster: { a: '2', b: '1' }, routes: { r: '3' } });
    const again = next.connect();
    again.send('cluster', { init: { a: '2', b: '1' } });
    again.send('endpoints', { sub: ['a'], init: { a: '1' } });
    again.send('listener', { init: { in: '1' } });
    again.send('routes', { sub: ['r'], init: { r: '1' } });
    assert.deepEqual((await again.nextAcked('routes')).versions, { r: '3' });
    await again.silent();
    assert.equal(next.service.status('p').state, 'converged');
  });

  it('F9 a server without a snapshot for a proxy sends it nothing that could take away what it has', async () => {
    await using fixture = await Fixture.open();
    const client = fixture.connect();
    client.send('cluster', { init: { a: '1' } });
    assert.equal((await client.outcome).code, grpcStatus.unavailable);
    assert.equal(fixture.service.counters.pushes, 0);
  });

  it('G2 a second subscription of one assignment is answered again', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(full);
    client.send('endpoints', { sub: ['a'] });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '1' });
  });

  it('G3 a changed cluster brings its endpoints again, but no secret', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ ...full, secret: { own: '1' } });
    const client = fixture.connect();
    client.send('cluster');
    await client.nextAcked('cluster');
    client.send('endpoints', { sub: ['a'] });
    await client.nextAcked('endpoints');
    client.send('secret', { sub: ['own'] });
    await client.nextAcked('secret');
    fixture.publish({ ...full, cluster: { a: '2' }, secret: { own: '1' } });
    await client.nextAcked('cluster');
    await client.nextAcked('endpoints');
    await client.silent();
  });

  it('G4 what is given up with a removed cluster is sent again when the cluster comes back', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(full);
    fixture.publish({ listener: { in: '1' }, routes: { r: '1' } });
    assert.deepEqual((await client.nextAcked('cluster')).removed, ['a']);
    assert.deepEqual((await client.nextAcked('endpoints')).removed, ['a']);
    client.send('endpoints', { unsub: ['a'] });
    await client.silent();
    fixture.publish(full);
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1' });
    client.send('endpoints', { sub: ['a'] });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '1' });
  });

  it('G5 an unchanged cluster is not announced again, its endpoints can be', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(full);
    fixture.publish({ ...full, endpoints: { a: '2' } });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '2' });
    await client.silent();
  });

  it('H2 of a hundred changes of endpoints the first goes at once and the last after its ACK', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(full);
    const before = fixture.service.counters.pushes;
    for (let version = 2; version <= 101; version += 1) {
      fixture.publish({ ...full, endpoints: { a: String(version) } });
    }
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '2' });
    assert.deepEqual((await client.nextAcked('endpoints')).versions, { a: '101' });
    await client.silent();
    assert.equal(fixture.service.counters.types.get(typeUrls.endpoints)?.pushes, 3);
    assert.equal(fixture.service.counters.pushes - before, 3, 'two and the one of silent()');
  });

  it('H4 the last endpoint gone is an assignment without endpoints, never a removal', async () => {
    await using fixture = await Fixture.open();
    const client = await fixture.started(full);
    const empty = snapshotOf({ ...full, endpoints: { a: 'empty' } }, { a: new Uint8Array() });
    fixture.service.publish('p', empty);
    const { versions, removed } = await client.nextAcked('endpoints');
    assert.deepEqual([versions, removed], [{ a: 'empty' }, []]);
  });
});
