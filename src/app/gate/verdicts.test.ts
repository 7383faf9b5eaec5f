import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import type { CommitVerdict } from '../../serve/api/wire-gate.ts';
import { openStore } from '../../store/open.ts';
import { fencedStore } from '../replicas/fenced-store.ts';
import { Verdicts, verdictKind } from './verdicts.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

function accepted(commit: string, seenMs: number): CommitVerdict {
  const verdict = { kind: 'accepted', atMs: seenMs, warnings: [], approvedBy: undefined } as const;
  return { commit, subject: '', seenMs, verdict, gates: [], liveMs: undefined, sources: {} };
}

const commitsOf = ({ all }: Verdicts): string[] => all.map(({ commit }) => commit);

describe('the order of verdicts', () => {
  it('is that in which commits came, also after a restart and where the clock was set back between them', async () => {
    const [store, clock] = [await openStore(':memory:'), new FakeClock()];
    const verdicts = await Verdicts.open({ store, clock, log });
    verdicts.set(accepted('one', 9_000));
    verdicts.set(accepted('two', 2_000));
    verdicts.set(accepted('three', 5_000));
    await verdicts.flushed();
    const again = await Verdicts.open({ store, clock, log });
    assert.deepEqual(commitsOf(again), ['three', 'two', 'one']);
    again.set(accepted('four', 1_000));
    again.set(accepted('one', 1_500));
    await again.flushed();
    assert.deepEqual(commitsOf(again), ['one', 'four', 'three', 'two']);
    assert.deepEqual(commitsOf(await Verdicts.open({ store, clock, log })), commitsOf(again));
  });

  it('is the same at a replica that hears of them in another order', async () => {
    const [store, clock] = [await openStore(':memory:'), new FakeClock()];
    const follows = await Verdicts.open({ store, clock, log });
    const leads = await Verdicts.open({ store, clock, log });
    leads.set(accepted('one', 9_000));
    leads.set(accepted('two', 2_000));
    await leads.flushed();
    for (const id of ['two', 'one']) {
      follows.take([{ id, document: await store.get(verdictKind, id) }]);
    }
    assert.deepEqual(commitsOf(follows), ['two', 'one']);
  });

  it('what the store did not take is written when it does', async () => {
    const [store, clock] = [await openStore(':memory:'), new FakeClock()];
    let isAway = true;
    const away: typeof store.put = async (...given) => {
      if (isAway) throw new Error('the store is away');
      return store.put(...given);
    };
    const parts = { get: store.get, list: store.list, remove: store.remove, put: away };
    const bound = { ...parts, record: () => {}, ledger: store.ledger, flush: store.flush };
    const verdicts = await Verdicts.open({ store: { ...bound, list: async () => [] }, clock, log });
    verdicts.set(accepted('one', 1));
    verdicts.set(accepted('two', 2));
    await verdicts.flushed();
    isAway = false;
    clock.advance(2_000);
    await verdicts.flushed();
    assert.deepEqual(commitsOf(await Verdicts.open({ store, clock, log })), ['two', 'one']);
  });

  it('of those that a control plane of before wrote is by the time at which it saw them', async () => {
    const [store, clock] = [await openStore(':memory:'), new FakeClock()];
    for (const [id, seenMs] of Object.entries({ a: 3, b: 1, c: 2 })) {
      const bytes = Buffer.from(JSON.stringify(accepted(id, seenMs)));
      await store.put(verdictKind, id, bytes, undefined);
    }
    const verdicts = await Verdicts.open({ store, clock, log });
    verdicts.set(accepted('d', 0));
    assert.deepEqual(commitsOf(verdicts), ['d', 'a', 'c', 'b']);
  });
});

describe('a verdict that was not written before another replica led', () => {
  it('is not known, or as it was written before', async () => {
    const [store, clock] = [await openStore(':memory:'), new FakeClock()];
    await store.putLease({ epoch: 1, holder: 'this one' }, 0);
    const verdicts = await Verdicts.open({ store: fencedStore(store, () => 1), clock, log });
    verdicts.set(accepted('one', 1));
    await verdicts.flushed();
    await store.putLease({ epoch: 2, holder: 'another one' }, 1);
    verdicts.set({ ...accepted('one', 2), verdict: { kind: 'refused', atMs: 2, findings: [] } });
    verdicts.set(accepted('two', 3));
    await verdicts.flushed();
    assert.deepEqual(
      verdicts.all.map(({ commit, verdict }) => [commit, verdict.kind]),
      [['one', 'accepted']],
    );
  });
});
