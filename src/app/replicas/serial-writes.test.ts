import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { StoredRevision } from './revision-store.ts';
import { serialWrites } from './serial-writes.ts';

it('two who write parts of one document lose nothing of each other, also after a write that failed', async () => {
  let stored: StoredRevision = {
    ...{ running: 'a', next: undefined, rollout: undefined, denialsExpected: false, touched: [] },
  };
  let isAway = false;
  const change = serialWrites(async (make) => {
    const made = make(stored);
    await new Promise((done) => setImmediate(done));
    if (isAway) throw new Error('the store is away');
    if (made !== undefined) stored = made;
  });
  await Promise.all([
    change((before) => before && { ...before, next: 'b' }),
    change((before) => before && { ...before, denialsExpected: true }),
  ]);
  assert.deepEqual([stored.next, stored.denialsExpected], ['b', true]);
  isAway = true;
  await assert.rejects(change((before) => before && { ...before, running: 'c' }));
  isAway = false;
  await change((before) => before && { ...before, next: undefined });
  assert.deepEqual([stored.running, stored.next], ['a', undefined]);
});
