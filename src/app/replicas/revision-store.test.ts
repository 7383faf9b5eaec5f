import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Rollout } from '../../rollout/rollout.ts';
import { openStore } from '../../store/open.ts';
import { RevisionStore, revisionKind } from './revision-store.ts';

const rollout: Rollout = {
  ...{ commit: 'two', subject: 'two', base: 'one', startedMs: 1, waves: [] },
  state: { kind: 'pushing', wave: 0, sinceMs: 1 },
};

async function read(state: object) {
  const store = await openStore(':memory:');
  const written = {
    ...{ running: 'one', next: 'two', denialsExpected: false, touched: [] },
    rollout: { ...rollout, state },
  };
  await store.put(revisionKind, 'current', Buffer.from(JSON.stringify(written)), undefined);
  const found = await new RevisionStore(store, store).read();
  await store.close();
  return found;
}

describe('what the mesh runs on, in the store', () => {
  it('says how far a rollout is, but for a state that only a later version knows', async () => {
    assert.deepEqual((await read(rollout.state))?.rollout, rollout);
    const later = await read({ kind: 'paused', wave: 1, sinceMs: 2 });
    assert.equal(later?.rollout, undefined);
    assert.equal(later?.next, 'two');
  });
});
