import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Trouble } from '../../src/app/trouble.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { Fixture } from './fixture.ts';

describe('what a control plane says of its proxies and its store', { timeout: 20_000 }, () => {
  let store: Store;
  before(async () => {
    store = await openStore(':memory:');
  });
  after(() => store.close());

  function troubleOf(fixture: Fixture): () => readonly string[] {
    const trouble = new Trouble({
      ...{ store, clock: fixture.clock },
      status: (proxy) => fixture.service.status(proxy),
    });
    return () => {
      for (const event of fixture.events.splice(0)) trouble.follow(event);
      return trouble
        .look()
        .map(({ code, at, message }) => `${code} ${at?.file}:${at?.line} ${message}`);
    };
  }

  it('a refused resource is told with its place and who refuses it, until one is taken', async () => {
    await using fixture = await Fixture.open();
    const findings = troubleOf(fixture);
    for (const proxy of ['p', 'q', 'r']) fixture.publish({ cluster: { c: 'bad' } }, proxy);
    const clients = ['p', 'q'].map((proxy) => fixture.connect(proxy));
    const good = fixture.connect('r');
    for (const client of [...clients, good]) client.send('cluster', {});
    for (const client of clients) client.nack(await client.next('cluster'), 'no such thing');
    await good.nextAcked('cluster');
    for (const client of [...clients, good]) await client.silent('endpoints');
    const [finding, ...more] = findings();
    assert.match(finding ?? '', /^CH5422 services\/a\.yaml:1 p and 1 more refuse Cluster c/);
    assert.deepEqual(more, []);
    for (const proxy of ['p', 'q', 'r']) fixture.publish({ cluster: { c: 'good' } }, proxy);
    for (const client of [...clients, good]) {
      await client.nextAcked('cluster');
      await client.silent('endpoints');
    }
    assert.deepEqual(findings(), []);
  });

  it('a proxy that reads nothing is told as long as it does not acknowledge; nobody else waits for it', async () => {
    await using fixture = await Fixture.open();
    const findings = troubleOf(fixture);
    for (const proxy of ['p', 'q']) fixture.publish({ cluster: { c: '1' } }, proxy);
    const [mute, good] = [fixture.connect('p'), fixture.connect('q')];
    mute.send('cluster', {});
    good.send('cluster', {});
    await good.nextAcked('cluster');
    const unread = await mute.next('cluster');
    fixture.clock.advance(25_000);
    assert.match(findings()[0] ?? '', /^CH5420 .* p does not acknowledge/);
    fixture.publish({ cluster: { c: '2' } }, 'q');
    assert.deepEqual((await good.nextAcked('cluster')).versions, { c: '2' });
    mute.ack(unread);
    await mute.silent('endpoints');
    assert.deepEqual(findings(), []);
  });

  it('a store that takes nothing is told with what it says, until it takes something', async () => {
    await using fixture = await Fixture.open();
    let problem: string | undefined = 'the disk is full';
    let ledger: unknown;
    const trouble = new Trouble({
      ...{ clock: fixture.clock, status: (proxy: string) => fixture.service.status(proxy) },
      store: {
        put: async () => {
          if (problem !== undefined) throw new Error(problem);
          return 1;
        },
        get ledgerProblem() {
          return ledger;
        },
      },
    });
    const look = async () => {
      trouble.look();
      // What the store says is heard in a later turn.
      await new Promise((turn) => setImmediate(turn));
      return trouble.look();
    };
    const [finding] = await look();
    assert.equal(finding?.code, 'CH5205');
    assert.match(finding?.found ?? '', /the disk is full/);
    problem = undefined;
    fixture.clock.advance(1_000);
    assert.deepEqual(await look(), []);
    ledger = Object.assign(new Error('canceling statement'), { code: '57014' });
    fixture.clock.advance(5_000);
    const [locked] = await look();
    assert.match(locked?.message ?? '', /^the ledger in the store takes nothing since/);
    assert.match(locked?.help ?? '', /pg_locks/);
    ledger = undefined;
    fixture.clock.advance(1_000);
    assert.deepEqual(await look(), []);
  });
});
