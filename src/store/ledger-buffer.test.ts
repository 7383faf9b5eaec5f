import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LedgerBuffer } from './ledger-buffer.ts';

describe('the buffer of the ledger', () => {
  it('prunes by the earliest time of the ten thousand entries before, once in so many', async () => {
    const pruned: number[] = [];
    const buffer = new LedgerBuffer<{ readonly atMs: number }>(
      async () => {},
      async (newestMs) => void pruned.push(newestMs),
    );
    for (let atMs = 1; atMs <= 25_000; atMs += 1) buffer.record({ atMs });
    await buffer.close();
    assert.deepEqual(pruned, [1, 10_001]);
  });

  it('does not take a clock that jumped ahead for the time that it is', async () => {
    const pruned: number[] = [];
    const buffer = new LedgerBuffer<{ readonly atMs: number }>(
      async () => {},
      async (nowMs) => void pruned.push(nowMs),
    );
    for (let index = 0; index < 10_000; index += 1) {
      buffer.record({ atMs: index < 5_000 ? 1_000 : 1_000 + 400 * 86_400_000 });
    }
    await buffer.close();
    assert.deepEqual(pruned, [1_000]);
  });

  it('says what the last write failed with, until one comes through, and loses nothing by it', async () => {
    let failure: Error | undefined = new Error('a lock');
    const written: number[] = [];
    const buffer = new LedgerBuffer<{ readonly atMs: number }>(
      async (entries) => {
        if (failure !== undefined) throw failure;
        written.push(...entries.map(({ atMs }) => atMs));
      },
      async () => {},
    );
    buffer.record({ atMs: 1 });
    await assert.rejects(buffer.flush(), /a lock/);
    assert.equal(buffer.problem, failure);
    failure = undefined;
    await buffer.close();
    assert.deepEqual([buffer.problem, written], [undefined, [1]]);
  });

  it('waits for nothing that is later than what is asked for', async () => {
    const buffer = new LedgerBuffer<{ readonly atMs: number }>(
      async () => {
        throw new Error('a full disk');
      },
      async () => {},
    );
    buffer.record({ atMs: 5 });
    await buffer.flushUntil(4);
    await assert.rejects(buffer.flushUntil(5), /a full disk/);
    await assert.rejects(buffer.flushUntil(), /a full disk/);
  });
});
