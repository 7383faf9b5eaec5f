import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerKind } from '../base/ledger.ts';
import type { ApiTokensReply } from '../serve/api/operator-wire.ts';
import type { RevisionsReply } from '../serve/api/wire.ts';
import type { VerdictsReply } from '../serve/api/wire-gate.ts';
import { openStore } from '../store/open.ts';
import { pastApi } from './past-api.ts';

type Recorded = readonly [atMs: number, kind: LedgerKind, subject: string, facts: object];

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

  it('how far each commit was by then, and who was in its waves', async () => {
    const plan = { subject: 's', base: 'z', who: 'a,b\nc' };
    const happened: readonly Recorded[] = [
      [1, 'rollout-pushing', 'old', { wave: 1, waves: 1 }],
      [2, 'rollout-pushing', 'x', { ...plan, wave: 1, waves: 2 }],
      [3, 'rollout-watching', 'x', { wave: 1, waves: 2 }],
      [4, 'rollout-halted', 'x', { wave: 1, waves: 2, by: 'ann' }],
      [5, 'rollout-taken-back', 'x', { reason: 'hurts', evidence: 'e\nf', branch: 'open' }],
      [6, 'rollout-taken-back', 'x', { reason: 'hurts', branch: 'written', branchCommit: 'y' }],
      [7, 'rollout-pushing', 'y', { ...plan, base: 'z', who: '', wave: 1, waves: 0 }],
      [8, 'rollout-live', 'y', {}],
    ];
    const at = async (atMs: number) =>
      ((await asked('/v1/revisions', atMs, ...happened)) as RevisionsReply).revisions;
    // What ran before it is not known of an entry of an earlier version.
    assert.deepEqual(await at(1), []);
    const begun = {
      commit: 'x',
      subject: 's',
      base: 'z',
      startedMs: 2,
      waves: [['a', 'b'], ['c']],
    };
    const states = [
      [2, { kind: 'pushing', wave: 0, sinceMs: 2 }],
      [3, { kind: 'watching', wave: 0, sinceMs: 3 }],
      [4, { kind: 'halted', wave: 0, sinceMs: 4, by: 'ann' }],
    ] as const;
    for (const [atMs, state] of states) assert.deepEqual(await at(atMs), [{ ...begun, state }]);
    const [open] = (await at(5)).map(({ state }) => state);
    assert.deepEqual(open, {
      ...{ kind: 'taken-back', sinceMs: 5, reason: 'hurts', evidence: ['e', 'f'] },
      branch: { kind: 'open', problem: undefined },
    });
    assert.deepEqual(
      (await at(8)).map(({ commit, waves, state }) => [commit, waves.length, state.kind]),
      [
        ['y', 0, 'live'],
        ['x', 2, 'taken-back'],
      ],
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
