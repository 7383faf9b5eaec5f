import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openStore } from '../store/open.ts';
import { ledgerPage } from './ledger-page.ts';

describe('a page of the ledger', () => {
  it('goes on where the one before ended, also with one person in a crowd', async () => {
    const store = await openStore(':memory:');
    for (let atMs = 0; atMs < 2_500; atMs += 1) {
      const by = atMs % 1_000 === 0 ? 'ann' : 'bob';
      store.record({ atMs, kind: 'api-call', subject: 'x', facts: { by } });
    }
    const first = await ledgerPage(store, new URLSearchParams({ by: 'ann', limit: '2' }));
    assert.deepEqual(
      first.entries.map(({ atMs }) => atMs),
      [2_000, 1_000],
    );
    const { beforeMs, beforeSeq } = first.next ?? { beforeMs: 0, beforeSeq: 0 };
    const from = { beforeMs: `${beforeMs}`, beforeSeq: `${beforeSeq}` };
    const rest = await ledgerPage(store, new URLSearchParams({ by: 'ann', limit: '2', ...from }));
    assert.deepEqual(
      rest.entries.map(({ atMs }) => atMs),
      [0],
    );
    assert.equal(rest.next, undefined);
    await store.close();
  });

  it('says where to go on when it has looked through enough without finding', async () => {
    const store = await openStore(':memory:');
    for (let atMs = 0; atMs < 51_000; atMs += 1) {
      store.record({ atMs, kind: 'healed', subject: 'x', facts: {} });
    }
    const page = await ledgerPage(store, new URLSearchParams({ by: 'ann' }));
    assert.deepEqual([page.entries.length, page.next?.beforeMs], [0, 1_000]);
    await store.close();
  });
});
