import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ApiTokensReply } from '../serve/api/operator-wire.ts';
import type { VerdictsReply } from '../serve/api/wire-gate.ts';
import { openStore } from '../store/open.ts';
import { pastApi } from './past-api.ts';

type Recorded = readonly [atMs: number, kind: string, subject: string, facts: object];

async function asked(path: string, atMs: number, ...happened: readonly Recorded[]) {
  const store = await openStore(':memory:');
  for (const [when, kind, subject, facts] of happened) {
    store.record({ atMs: when, kind, subject, facts: facts as Record<string, string | number> });
  }
  const query = new URLSearchParams({ at: `${atMs}` });
  const peer = { kind: 'operator', uid: 0 } as const;
  const reply = await pastApi({ store }, { method: 'GET', path, query, body: undefined, peer });
  await store.close();
  return reply?.kind === 'json' ? reply.body : reply;
}

describe('what was, from the ledger', () => {
  it('tokens: those that were made, not revoked and not at their end by then', async () => {
    const made = (name: string, atMs: number, endsMs: number): Recorded => [
      ...([atMs, 'api-token', name] as const),
      { role: 'viewer', by: 'ann', endsMs },
    ];
    const happened = [
      ...[made('a', 1, 100), made('short', 1, 5), made('b', 2, 100)],
      [4, 'api-token-revoked', 'b', { by: 'ann' }] as const,
      made('late', 9, 100),
    ];
    const names = async (atMs: number) =>
      ((await asked('/v1/tokens', atMs, ...happened)) as ApiTokensReply).tokens.map(
        ({ name }) => name,
      );
    assert.deepEqual(await names(3), ['a', 'b', 'short']);
    assert.deepEqual(await names(6), ['a']);
    assert.deepEqual(await names(9), ['a', 'late']);
  });

  it('revisions: the last verdict of each commit by then, the newest first', async () => {
    const happened: readonly Recorded[] = [
      [1, 'verdict', 'a', { subject: 's', verdict: 'accepted', approvedBy: 'ann' }],
      [2, 'commit-live', 'a', {}],
      [3, 'verdict', 'b', { subject: 't', verdict: 'waiting', codes: 'CH4206,CH4207' }],
      [5, 'verdict', 'b', { subject: 't', verdict: 'refused', codes: 'CH4206' }],
    ];
    const at = async (atMs: number) =>
      ((await asked('/v1/verdicts', atMs, ...happened)) as VerdictsReply).verdicts;
    const [b, a] = await at(4);
    assert.deepEqual([b?.commit, b?.verdict.kind], ['b', 'waiting']);
    assert.deepEqual(
      [a?.liveMs, a?.verdict],
      [...[2, { kind: 'accepted', atMs: 1, warnings: [], approvedBy: 'ann' }]],
    );
    assert.deepEqual(
      (await at(5)).map(({ verdict }) => verdict.kind),
      ['refused', 'accepted'],
    );
  });

  it('the CA: as it was noted last by then, and CH5430 before', async () => {
    const happened: readonly Recorded[] = [
      [2, 'ca-state', 'm.test', { state: '{"sequence":1}' }],
      [4, 'ca-state', 'm.test', { state: '{"sequence":2}' }],
    ];
    assert.deepEqual(await asked('/v1/ca', 3, ...happened), { sequence: 1 });
    assert.deepEqual(await asked('/v1/ca', 4, ...happened), { sequence: 2 });
    assert.match(JSON.stringify(await asked('/v1/ca', 1, ...happened)), /404.*CH5430/);
  });
});
