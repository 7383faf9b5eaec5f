import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LedgerBuffer } from './ledger-buffer.ts';

describe('the buffer of the ledger', () => {
  it('prunes by the time of what it wrote last, once in ten thousand entries', async () => {
    const pruned: number[] = [];
    const buffer = new LedgerBuffer<{ readonly atMs: number }>(
      async () => {},
      async (newestMs) => void pruned.push(newestMs),
    );
    for (let atMs = 1; atMs <= 25_000; atMs += 1) buffer.record({ atMs });
    await buffer.close();
    assert.deepEqual(pruned, [10_000, 20_000]);
  });
});
