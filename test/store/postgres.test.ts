import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { migrations } from '../../src/store/migrations.ts';
import { openPostgresStore } from '../../src/store/postgres.ts';
import type { StoreChange } from '../../src/store/store.ts';
import { noPostgres, PostgresServer } from '../support/postgres.ts';
import { eventually } from '../support/running-mesh.ts';
import { storeContract } from './contract.ts';

describe('the store in PostgreSQL', { skip: noPostgres() ?? false }, () => {
  const server = new PostgresServer();
  before(() => server.start());
  after(() => server.remove());
  storeContract({
    fresh: () => server.database(),
    open: openPostgresStore,
    opener: {
      module: new URL('../../src/store/postgres.ts', import.meta.url).href,
      name: 'openPostgresStore',
    },
    steps: migrations,
  });

  it('what was acknowledged is there after the server itself was cut off, and the store goes on by itself', async () => {
    const store = await openPostgresStore(await server.database());
    for (let n = 0; n < 50; n += 1) await store.put('k', `${n}`, Uint8Array.of(n), 0);
    await server.kill();
    store.record({ atMs: 1, kind: 'healed', subject: 'recorded while it was away', facts: {} });
    await assert.rejects(() => store.flush());
    await assert.rejects(() => store.get('k', '1'));
    await server.start();
    assert.equal((await store.list('k')).length, 50);
    assert.equal((await store.ledger({ limit: 10 }))[0]?.subject, 'recorded while it was away');
    await store.close();
  });

  it('whoever watches hears what another process writes, and of a gap after the server was away', async () => {
    const url = await server.database();
    const [writer, watcher] = [await openPostgresStore(url), await openPostgresStore(url)];
    const heard: StoreChange[] = [];
    const said = (kind: StoreChange['kind'], count: number) => (): boolean =>
      heard.filter((one) => one.kind === kind).length === count;
    const stop = watcher.watch((change) => heard.push(change));
    // What is written before a watcher listens is in the gap that it begins with.
    await eventually(said('gap', 1), 10_000, () => 'no gap at first');
    await writer.put('host-report', 'a host', Uint8Array.of(1), 0);
    await writer.remove('host-report', 'a host');
    await writer.putLease({ epoch: 1, holder: 'x' }, 0);
    await eventually(said('lease', 1), 10_000, () => 'the lease was not told');
    const document = { kind: 'document', of: 'host-report', id: 'a host' };
    assert.deepEqual(heard.slice(1), [document, document, { kind: 'lease' }]);
    await server.kill();
    await server.start();
    await eventually(said('gap', 2), 10_000, () => 'no gap after the server was away');
    await writer.put('k', 'later', Uint8Array.of(1), 0);
    await eventually(said('document', 3), 10_000, () => 'nothing is heard after a gap');
    stop();
    await Promise.all([writer.close(), watcher.close()]);
  });

  it('what the ledger holds cannot be changed, whatever holds the database', async () => {
    const url = await server.database();
    const store = await openPostgresStore(url);
    store.record({ atMs: 1, kind: 'healed', subject: 's', facts: {} });
    await store.close();
    const client = new pg.Client(url);
    await client.connect();
    await assert.rejects(client.query("UPDATE ledger SET subject = 'other'"), /only ever added to/);
    await client.end();
  });

  it('a server that is not there is CH5201, without the password', async () => {
    const url = 'postgres://mesh:hunter2@127.0.0.1:1/mesh';
    await assert.rejects(
      () => openPostgresStore(url),
      (error: Error & { finding?: { found?: string } }) =>
        /CH5201/.test(error.message) && !JSON.stringify(error).includes('hunter2'),
    );
  });
});
