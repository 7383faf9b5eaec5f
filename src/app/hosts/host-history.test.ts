import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import type { HostReply, HostsReply } from '../../serve/api/wire.ts';
import { openStore } from '../../store/open.ts';
import type { Store } from '../../store/store.ts';
import { HostHistory, hostsAt } from './host-history.ts';

const dayMs = 24 * 3_600_000;
const health = { canRenew: true, problems: [], identities: [], sealedBy: 'file' } as const;

function host(name: string, more: Partial<HostReply> = {}): HostReply {
  return {
    ...{ name, method: 'join token', anchor: 'a', selectors: [], attestedMs: 1, notBeforeMs: 1 },
    ...{ notAfterMs: 2, standing: { kind: 'active' }, connections: 1, seenMs: 5 },
    ...{ trustSequence: 1, workloads: ['web'], health, ...more },
  };
}

describe('hosts as they were at a time', () => {
  let clock = new FakeClock();
  let store: Store;
  let hosts: readonly HostReply[] = [];
  let history: HostHistory;

  beforeEach(async () => {
    await store?.close();
    clock = new FakeClock();
    store = await openStore(':memory:');
    hosts = [host('b'), host('a')];
    history = new HostHistory({ store, clock, subject: 'm.test', look: () => hosts });
    history.lead();
  });
  after(() => store.close());

  const at = async (atMs: number, name = ''): Promise<readonly HostReply[] | string> => {
    const reply = await hostsAt(store, atMs, name);
    return reply.kind === 'json' && reply.status === undefined
      ? (reply.body as HostsReply).hosts
      : JSON.stringify(reply);
  };
  const names = async (atMs: number): Promise<readonly string[]> =>
    ((await at(atMs)) as HostsReply['hosts']).map(({ name }) => name);
  const noted = async (): Promise<number> =>
    (await store.ledger({ kind: 'host-state', limit: 1_000 })).length;

  it('are those of then, by name, and one of them by its own', async () => {
    const firstMs = clock.nowMs();
    hosts = [host('b', { connections: 0, seenMs: 7 })];
    clock.advance(1_000);
    const secondMs = clock.nowMs();
    hosts = [host('b'), host('c')];
    clock.advance(1_000);
    assert.deepEqual(await names(firstMs), ['a', 'b']);
    assert.deepEqual(await names(secondMs), ['b']);
    assert.deepEqual(await names(clock.nowMs()), ['b', 'c']);
    assert.deepEqual(await at(secondMs, 'b'), [host('b', { connections: 0, seenMs: 7 })]);
    assert.match(String(await at(secondMs, 'a')), /404.*CH3110/);
  });

  it('are noted once, however often a host is heard, and whatever it renews', async () => {
    const held = { holder: 'web', notBeforeMs: 1, notAfterMs: 2 };
    for (let second = 0; second < 60; second += 1) {
      hosts = [host('a', { seenMs: second, health: { ...health, identities: [held] } })];
      clock.advance(1_000);
    }
    assert.equal(await noted(), 3);
  });

  it('are found without reading further back than some hours', async () => {
    hosts = [host('a')];
    clock.advance(dayMs);
    assert.deepEqual(await names(clock.nowMs()), ['a']);
    const rosters = await store.ledger({ kind: 'host-roster', limit: 10 });
    assert.equal(rosters.length, 5);
  });

  it('are noted by who leads only', async () => {
    history.follow();
    hosts = [];
    clock.advance(dayMs);
    assert.equal(await noted(), 2);
    history.lead();
    assert.deepEqual(await names(clock.nowMs()), []);
  });

  it('are unknown before the first were noted', async () => {
    assert.match(String(await at(clock.nowMs() - 1)), /404.*CH5430.*host-roster/);
  });
});
