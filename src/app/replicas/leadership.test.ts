import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryStore, SharedMemory } from '../../../test/support/commits/shared-store.ts';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { Leadership } from './leadership.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function replicas(names: readonly string[]) {
  const [memory, clock] = [new SharedMemory(), new FakeClock()];
  const all = names.map((replica) => {
    const store = new MemoryStore(memory, { isShared: true });
    const leadership = new Leadership({
      ...{ store, clock, log, replica, name: replica, onChange: () => {} },
    });
    store.watch(({ kind }) => {
      // After the writer was answered: that way round the two come, too.
      if (kind === 'lease') setImmediate(() => leadership.heard());
    });
    return leadership;
  });
  const pass = async (ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += 100) {
      clock.advance(100);
      await turn();
    }
  };
  return { all, memory, pass };
}

it('who leads renews its lease once a second, and not because it hears of its own renewal', async () => {
  const { all, memory, pass } = replicas(['a', 'b']);
  for (const one of all) await one.start();
  const before = memory.lease?.version ?? 0;
  await pass(5_000);
  assert.equal((memory.lease?.version ?? 0) - before, 5);
});

it('who follows begins to lead as soon as it hears that the lease was given back', async () => {
  const { all, pass } = replicas(['a', 'b']);
  const [first, second] = all;
  for (const one of all) await one.start();
  await pass(1_500);
  await first?.stop();
  await turn();
  await turn();
  assert.deepEqual([first?.epoch, second?.epoch], [undefined, 2]);
});
