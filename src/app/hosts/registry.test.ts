import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { ok } from '../../base/result.ts';
import { admit, renewed } from '../../identity/hosts/host-record.ts';
import type { HostName } from '../../model/types.ts';
import { openSqliteStore } from '../../store/sqlite.ts';
import type { Store } from '../../store/store.ts';
import { HostRegistry } from './registry.ts';

const host = 'web-1' as HostName;

describe('the registry of hosts, of two control planes on one store', () => {
  let dir = '';
  let stores: Store[] = [];
  let clock = new FakeClock();
  let first: HostRegistry;
  let second: HostRegistry;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'registry-'));
    clock = new FakeClock();
    stores = [0, 1].map(() => openSqliteStore(join(dir, 'state.db')));
    [first, second] = (await Promise.all(
      stores.map((store) => HostRegistry.open({ store, clock })),
    )) as [HostRegistry, HostRegistry];
    await admitTo(first, 'k1');
  });
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    rmSync(dir, { recursive: true });
  });

  async function admitTo(registry: HostRegistry, key: string): Promise<void> {
    const proof = { name: host, anchor: 'token:1', selectors: [] };
    const result = await registry.change(host, (record) => {
      const given = { method: 'join_token', proof, key, nowMs: 0, replaces: false };
      const admitted = admit(record, given);
      return admitted.ok
        ? ok(renewed(admitted.value, { key, notBeforeMs: 0, notAfterMs: 1 }))
        : admitted;
    });
    assert.ok(result.ok);
  }

  /** What the feed brings to the second one after a write of the first one. */
  async function told(): Promise<void> {
    const store = stores[1] ?? assert.fail();
    second.take([{ id: host, document: await store.get('host', host) }]);
  }

  it('a host that came by the other one is known when it calls', async () => {
    assert.equal(second.get(host), undefined);
    assert.ok((await second.use(host, 'k1')).ok);
  });

  it('a renewal by the other one is known when the new certificate is used', async () => {
    assert.ok((await second.use(host, 'k1')).ok);
    const times = { key: 'k2', notBeforeMs: 1, notAfterMs: 2 };
    await first.change(host, (record) => ok(renewed(record ?? assert.fail(), times)));
    assert.ok((await second.use(host, 'k2')).ok);
    assert.ok(!(await first.use(host, 'k0')).ok);
  });

  it('a ban by the other one cuts here as soon as it is told, and holds after a restart', async () => {
    assert.ok((await second.use(host, 'k1')).ok);
    const cut: string[] = [];
    second.onCut((name) => cut.push(name));
    assert.ok((await first.ban(host, 'ann', 'stolen')).ok);
    await told();
    assert.deepEqual(cut, [host]);
    assert.ok(!(await second.use(host, 'k1')).ok);
    const store = stores[0] ?? assert.fail();
    const restarted = await HostRegistry.open({ store, clock });
    assert.equal(restarted.get(host)?.standing.kind, 'banned');
    assert.deepEqual(restarted.active, []);
  });

  it('an eviction by the other one cuts here, and the name is free again', async () => {
    assert.ok((await second.use(host, 'k1')).ok);
    const cut: string[] = [];
    second.onCut((name) => cut.push(name));
    assert.ok((await first.evict(host, 'ann', '')).ok);
    await told();
    assert.deepEqual(cut, [host]);
    await admitTo(second, 'k9');
    assert.ok((await first.use(host, 'k9')).ok);
  });

  it('of two writes at once both count', async () => {
    await second.find(host);
    await Promise.all([
      first.change(host, (record) => ok({ ...(record ?? assert.fail()), attestedMs: 7 })),
      second.change(host, (record) => ok({ ...(record ?? assert.fail()), notAfterMs: 8 })),
    ]);
    const found = await first.find(host);
    assert.deepEqual([found?.attestedMs, found?.notAfterMs], [7, 8]);
  });

  it('who is not known can be neither banned nor evicted', async () => {
    assert.ok(!(await first.ban('nobody' as HostName, 'ann', 'x')).ok);
    assert.ok(!(await first.evict('nobody' as HostName, 'ann', 'x')).ok);
  });
});
