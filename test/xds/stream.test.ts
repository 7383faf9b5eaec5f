import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grpcStatus } from '../../src/serve/grpc/status.ts';
import { Fixture } from './fixture.ts';
import { sdsMethod } from './raw-client.ts';

const plan = { cluster: { a: '1', b: '1' } };

describe('xDS streams', { timeout: 20_000 }, () => {
  it('A1 only the first request needs a node', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.send('cluster');
    assert.deepEqual((await client.nextAcked('cluster')).versions, { a: '1', b: '1' });
    await client.silent();
  });

  it('A2 a first request without a node ends the stream', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    for (const node of [null, '']) {
      const client = fixture.connect();
      client.send('cluster', { node });
      assert.equal((await client.outcome).code, grpcStatus.invalidArgument);
    }
  });

  it('A3 the node may come again, but not another one', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.send('cluster');
    await client.nextAcked('cluster');
    client.send('listener', { node: 'p' });
    await client.silent();
    client.send('listener', { node: 'q' });
    assert.equal((await client.outcome).code, grpcStatus.invalidArgument);
  });

  it('A3 a node id too long to be kept is refused, not shortened', async () => {
    await using fixture = await Fixture.open();
    const client = fixture.connect('p'.repeat(300));
    client.send('cluster');
    assert.equal((await client.outcome).code, grpcStatus.invalidArgument);
  });

  it('A4 an aggregated request must name its type', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const first = fixture.connect();
    first.sendTyped('');
    assert.equal((await first.outcome).code, grpcStatus.invalidArgument);
    const later = fixture.connect();
    later.send('cluster');
    await later.nextAcked('cluster');
    later.sendTyped('');
    assert.equal((await later.outcome).code, grpcStatus.invalidArgument);
  });

  it('A4 a per-type request may leave its type out, but not name another', async () => {
    await using fixture = await Fixture.open();
    fixture.publish({ secret: { default: '1' }, cluster: { a: '1' } });
    const client = fixture.connect('p', sdsMethod);
    client.sendTyped('', { sub: ['default'] });
    assert.deepEqual((await client.nextAcked('secret')).versions, { default: '1' });
    client.send('cluster');
    assert.equal((await client.outcome).code, grpcStatus.invalidArgument);
  });

  it('A5 an unknown type is left unanswered and counted; the others go on', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.sendTyped('type.googleapis.com/nobody.Knows');
    await client.silent();
    client.send('cluster');
    await client.nextAcked('cluster');
    assert.equal(fixture.service.counters.unknownType, 1);
  });

  it('A6 a peer that may not be this node gets nothing', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan, 'forbidden');
    const client = fixture.connect('forbidden');
    client.send('cluster');
    assert.equal((await client.outcome).code, grpcStatus.permissionDenied);
    assert.deepEqual(fixture.events, []);
  });

  it('A7 a proxy without a snapshot is asked to come again, never given an empty set', async () => {
    await using fixture = await Fixture.open();
    const early = fixture.connect();
    early.send('cluster');
    assert.equal((await early.outcome).code, grpcStatus.unavailable);
    fixture.publish(plan);
    const later = fixture.connect();
    later.send('cluster');
    await later.next('cluster');
  });

  it('A9 what is no request ends only its own stream', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const good = fixture.connect();
    good.send('cluster');
    await good.nextAcked('cluster');
    const bad = fixture.connect();
    bad.sendBytes(Buffer.from([0xff, 0xff, 0xff]));
    assert.equal((await bad.outcome).code, grpcStatus.invalidArgument);
    await good.silent();
  });

  it('A9 a stream may not subscribe to names without end', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    const names = (from: number): string[] =>
      Array.from({ length: 15_000 }, (_, i) => `n${from + i}`);
    client.send('endpoints', { sub: names(0) });
    client.ack(await client.next('endpoints'));
    client.send('endpoints', { sub: names(15_000) });
    assert.equal((await client.outcome).code, grpcStatus.resourceExhausted);
  });

  it('A10 a half-closed stream ends with OK; no timer and no state is left of any stream', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const halfClosed = fixture.connect();
    halfClosed.send('cluster');
    await halfClosed.next('cluster');
    halfClosed.halfClose();
    assert.equal((await halfClosed.outcome).code, grpcStatus.ok);
    for (let index = 0; index < 50; index += 1) {
      const client = fixture.connect();
      client.send('cluster');
      await client.next('cluster');
      client.cancel();
      await client.outcome;
    }
    const last = fixture.connect();
    last.send('cluster');
    await last.nextAcked('cluster');
    await last.silent();
    assert.equal(fixture.service.status('p').streams, 1);
    assert.equal(fixture.clock.timerCount, 1);
  });

  it('A11 two streams of one node are served independently', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const [old, fresh] = [fixture.connect(), fixture.connect()];
    old.send('cluster');
    const first = await old.next('cluster');
    fresh.send('cluster');
    const second = await fresh.next('cluster');
    assert.notEqual(first.nonce, second.nonce);
    fresh.ack(second);
    await fresh.silent();
    fixture.publish({ cluster: { a: '2', b: '1' } });
    assert.deepEqual((await fresh.nextAcked('cluster')).versions, { a: '2' });
    old.ack(first);
    assert.deepEqual((await old.nextAcked('cluster')).versions, { a: '2' });
  });

  it('A14 what is published again unchanged is not sent again', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.send('cluster');
    await client.nextAcked('cluster');
    for (let index = 0; index < 5; index += 1) fixture.publish(plan);
    fixture.clock.advance(60_000);
    await client.silent();
  });

  it('a proxy that has left the mesh loses its streams and comes in no more', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect();
    client.send('cluster');
    await client.nextAcked('cluster');
    fixture.service.retire('p');
    assert.equal((await client.outcome).code, grpcStatus.permissionDenied);
    const again = fixture.connect();
    again.send('cluster');
    assert.equal((await again.outcome).code, grpcStatus.unavailable);
  });

  it('a state-of-the-world stream is told what to set', async () => {
    await using fixture = await Fixture.open();
    fixture.publish(plan);
    const client = fixture.connect(
      'p',
      '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
    );
    client.send('cluster');
    const { code, message } = await client.outcome;
    assert.equal(code, grpcStatus.unimplemented);
    assert.match(message, /DELTA_GRPC/);
  });
});
