import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { CacheWriter } from './cache-writer.ts';
import type { Kept } from './host-cache.ts';

const nothing: Kept = {
  ...{ trust: undefined, entries: undefined, policy: undefined, svids: {}, host: undefined },
  firstKeyPem: undefined,
};
const turns = (): Promise<void> => new Promise((wake) => setImmediate(wake));

function fixture() {
  const clock = new FakeClock();
  const cache = { problem: undefined as string | undefined };
  const disk = { isFull: false, writes: 0, changes: 0 };
  const write = async (): Promise<void> => {
    disk.writes += 1;
    cache.problem = disk.isFull ? 'no space left' : undefined;
  };
  const writer = new CacheWriter({
    cache: Object.assign(cache, { write }),
    ...{ clock, held: () => nothing },
    onProblem: () => {
      disk.changes += 1;
    },
  });
  return { clock, disk, writer };
}

describe('what an agent keeps', () => {
  it('is written once for the changes of a moment', async () => {
    const { clock, disk, writer } = fixture();
    writer.soon();
    writer.soon();
    clock.advance(100);
    await turns();
    assert.equal(disk.writes, 1);
    clock.advance(60_000);
    await turns();
    assert.equal(disk.writes, 1);
  });

  it('is written now in place of soon', async () => {
    const { clock, disk, writer } = fixture();
    writer.soon();
    await writer.now();
    clock.advance(60_000);
    await turns();
    assert.equal(disk.writes, 1);
  });

  it('is kept once the disk takes it, and each turn of that is told', async () => {
    const { clock, disk, writer } = fixture();
    disk.isFull = true;
    await writer.now();
    clock.advance(5_000);
    await turns();
    assert.deepEqual([disk.writes, disk.changes], [2, 1]);
    disk.isFull = false;
    clock.advance(5_000);
    await turns();
    clock.advance(5_000);
    await turns();
    assert.deepEqual([disk.writes, disk.changes], [3, 2]);
  });
});
