import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerKind } from '../base/ledger.ts';
import type { StatusReply } from '../serve/api/wire.ts';
import { openStore } from '../store/open.ts';
import { statusAt } from './status-at.ts';

type Recorded = readonly [atMs: number, kind: LedgerKind, subject: string, facts: object];

async function at(atMs: number, happened: readonly Recorded[]): Promise<StatusReply> {
  const store = await openStore(':memory:');
  for (const [when, kind, subject, facts] of happened) {
    store.record({ atMs: when, kind, subject, facts: facts as Record<string, string | number> });
  }
  store.keepResource({
    ...{ type: 'Cluster', name: 'b', version: 'v2', atMs: 1, commit: 'c', bytes: new Uint8Array() },
    from: [{ file: 'services/b.yaml', line: 3 }],
  });
  const reply = await statusAt(store, atMs, { mesh: 'm', trustDomain: 'm.test' });
  await store.close();
  assert.equal(reply.kind, 'json', JSON.stringify(reply));
  return reply.kind === 'json' ? (reply.body as StatusReply) : assert.fail();
}

const facts = { service: 'a', version: 'v1', host: 'h', address: '127.0.0.1:1' };
const came: readonly Recorded[] = [
  [1, 'commit-accepted', 'c1', { subject: 'first' }],
  [2, 'endpoint', 'a-v1', { ...facts, state: 'ready' }],
  [3, 'proxy-connected', 'a-v1', { agent: 'envoy' }],
  [4, 'ack', 'a-v1', { type: 'Cluster', tookMs: 1, has: 'v1 b' }],
];
const refused: Recorded = [5, 'nack', 'a-v1', { type: 'Cluster', message: 'no', has: 'v2 b' }];

describe('the status of a past time', () => {
  it('has the commit, who was there, and where it ran', async () => {
    const { commit, isPast, workloads } = await at(9, came);
    assert.deepEqual([commit, isPast], ['c1', true]);
    assert.deepEqual(workloads, [
      {
        workload: { id: 'a-v1', service: 'a', version: 'v1', host: 'h', state: 'ready' },
        ...{ proxy: 'connected', sinceMs: 3, rejected: [], waitsFor: [], servedBy: undefined },
      },
    ]);
  });

  it('a refusal has its line, until the proxy has taken another version', async () => {
    const [sick] = (await at(9, [...came, refused])).workloads;
    assert.equal(sick?.proxy, 'refusing');
    assert.deepEqual(sick?.rejected, [
      {
        ...{ resource: 'Cluster b', version: 'v2', state: 'rejected', sinceMs: 5, message: 'no' },
        from: [{ file: 'services/b.yaml', line: 3 }],
      },
    ]);
    const mended: Recorded = [6, 'ack', 'a-v1', { type: 'Cluster', tookMs: 1, has: 'v3 b' }];
    assert.equal((await at(9, [...came, refused, mended])).workloads[0]?.proxy, 'connected');
    assert.equal((await at(5, [...came, refused, mended])).workloads[0]?.proxy, 'refusing');
  });

  it('who went away is away, and who left is not there', async () => {
    const away: Recorded = [7, 'proxy-disconnected', 'a-v1', { agent: 'envoy' }];
    const [gone] = (await at(9, [...came, away])).workloads;
    assert.deepEqual([gone?.proxy, gone?.sinceMs], ['away', 7]);
    const left: Recorded = [8, 'proxy-retired', 'a-v1', {}];
    assert.deepEqual((await at(9, [...came, away, left])).workloads, []);
  });
});
