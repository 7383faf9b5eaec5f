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
    const look = (names?: ReadonlySet<string>) =>
      hosts.filter(({ name }) => names?.has(name) ?? true);
    history = new HostHistory({ store, clock, subject: 'm.test', look });
    history.lead();
  });
  after(() => store.close());

  const become = (next: readonly HostReply[]): void => {
    for (const { name } of [...hosts, ...next]) history.changed(name);
    hosts = next;
  };
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
    become([host('b', { connections: 0, seenMs: 7 })]);
    clock.advance(1_000);
    const secondMs = clock.nowMs();
    become([host('b'), host('c')]);
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
      become([host('a', { seenMs: second, health: { ...health, identities: [held] } })]);
      clock.advance(1_000);
    }
    assert.equal(await noted(), 3);
  });

  it('are found without reading further back than some hours', async () => {
    become([host('a')]);
    clock.advance(dayMs);
    assert.deepEqual(await names(clock.nowMs()), ['a']);
    const rosters = await store.ledger({ kind: 'host-roster', limit: 10 });
    assert.equal(rosters.length, 5);
  });

  it('are noted by who leads only', async () => {
    history.follow();
    become([]);
    clock.advance(dayMs);
    assert.equal(await noted(), 2);
    history.lead();
    assert.deepEqual(await names(clock.nowMs()), []);
  });

  it('are noted at the end of the second in which they changed, as they are then', async () => {
    const startMs = clock.nowMs();
    clock.advance(2_300);
    become([host('b'), host('a', { connections: 0 })]);
    clock.advance(300);
    become([host('b'), host('a', { connections: 0, trustSequence: 2 })]);
    clock.advance(dayMs);
    const [, change, ...more] = (await store.ledger({ kind: 'host-state', limit: 1_000 }))
      .toReversed()
      .filter(({ subject, atMs }) => subject === 'a' && atMs < startMs + 10_000);
    assert.deepEqual([change?.atMs, more.length], [startMs + 3_000, 0]);
    assert.match(String(change?.facts['state']), /"trustSequence":2/);
  });

  it('are not noted when they came and went within a second', async () => {
    clock.advance(100);
    become([host('b'), host('a', { connections: 0 })]);
    clock.advance(100);
    become([host('b'), host('a')]);
    clock.advance(60_000);
    assert.equal(await noted(), 2);
  });

  it('are looked at only when something changed, by one timer', () => {
    assert.equal(clock.timerCount, 1);
    for (const name of ['a', 'b', 'a']) history.changed(name);
    assert.equal(clock.timerCount, 1);
    history.follow();
    history.changed('a');
    assert.equal(clock.timerCount, 0);
  });

  it('are unknown before the first were noted', async () => {
    assert.match(String(await at(clock.nowMs() - 1)), /404.*CH5430.*host-roster/);
  });
});
