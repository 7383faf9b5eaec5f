import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryStore, SharedMemory } from '../../../test/support/commits/shared-store.ts';
import { newMetrics } from '../operators/operations.ts';
import { GrantUses, useKind } from './uses.ts';

async function open(memory: SharedMemory) {
  const store = new MemoryStore(memory, { isShared: true });
  const feed = { follow: () => {} };
  const isKnown = async (): Promise<boolean> => true;
  const uses = await GrantUses.open({ store, feed, metrics: newMetrics(), isKnown });
  const inLedger = async (): Promise<number> =>
    (await store.ledger({ kind: useKind, limit: 100 })).reduce(
      (sum, { facts }) => sum + Number(facts['uses']),
      0,
    );
  return { store, uses, inLedger };
}

const told = (uses: number, before: number, sinceMs = 1) => {
  return [{ grant: 'g', uses, lastMs: 5 + uses, counted: { sinceMs, before } }];
};

it('what a host tells again because its answer was lost counts once', async () => {
  const { uses, inLedger } = await open(new SharedMemory());
  await uses.take('h', told(3, 0), 10);
  await uses.take('h', told(3, 0), 11);
  assert.deepEqual([uses.of('g').uses, await inLedger()], [3, 3]);
  // With two more, and without an answer to the ones before.
  await uses.take('h', told(5, 0), 12);
  await uses.take('h', told(1, 5), 13);
  assert.deepEqual([uses.of('g').uses, await inLedger()], [6, 6]);
  // The agent was started anew, and counts from 0.
  await uses.take('h', told(2, 0, 9), 14);
  assert.deepEqual([uses.of('g').uses, await inLedger()], [8, 8]);
});

it('what was counted and is not in the ledger comes there when it is told again', async () => {
  const memory = new SharedMemory();
  const { uses } = await open(memory);
  await uses.take('h', told(3, 0), 10);
  // The process ended before it could write that.
  memory.ledger = [];
  const next = await open(memory);
  await next.uses.take('h', told(3, 0), 11);
  assert.deepEqual([next.uses.of('g').uses, await next.inLedger()], [3, 3]);
});

it('uses that an agent of before tells are added', async () => {
  const { uses } = await open(new SharedMemory());
  await uses.take('h', [{ grant: 'g', uses: 2, lastMs: 1 }], 10);
  await uses.take('h', [{ grant: 'g', uses: 1, lastMs: 2 }], 11);
  assert.equal(uses.of('g').uses, 3);
});
