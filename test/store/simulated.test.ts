import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StoreChange } from '../../src/store/store.ts';
import { MemoryStore, SharedMemory } from '../support/commits/shared-store.ts';
import { FakeClock } from '../xds/fake-clock.ts';
import { contractOfCalls } from './contract.ts';

const value = Uint8Array.of(1);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the store of the simulation', () => {
  const memories = new Map<string, SharedMemory>();
  contractOfCalls({
    fresh: async () => {
      const address = `${memories.size}`;
      memories.set(address, new SharedMemory());
      return address;
    },
    open: async (address) =>
      new MemoryStore(memories.get(address) ?? new SharedMemory(), { isShared: true }),
  });

  it('whoever watches hears what another process writes, and of a gap after the store was away', async () => {
    const memory = new SharedMemory();
    const writer = new MemoryStore(memory, { isShared: true });
    const heard: StoreChange[] = [];
    const stop = new MemoryStore(memory, { isShared: true }).watch((one) => heard.push(one));
    await turn();
    await writer.put('k', 'a', value, 0);
    await writer.remove('k', 'a');
    await writer.putLease({ epoch: 1, holder: 'x' }, 0);
    await turn();
    const document = { kind: 'document', of: 'k', id: 'a' };
    assert.deepEqual(heard, [{ kind: 'gap' }, document, document, { kind: 'lease' }]);
    memory.isAway = true;
    await assert.rejects(() => writer.put('k', 'b', value, 0));
    memory.isAway = false;
    await turn();
    assert.deepEqual(heard.slice(4), [{ kind: 'gap' }]);
    stop();
    await writer.put('k', 'b', value, 0);
    await turn();
    assert.equal(heard.length, 5);
  });

  it('a process that ends in the middle of a write is answered nothing, and has written it or not', async () => {
    for (const [moments, isWritten] of [
      [0, false],
      [1, true],
    ] as const) {
      const memory = new SharedMemory();
      let crashes = 0;
      const onCrash = (): void => {
        crashes += 1;
      };
      const store = new MemoryStore(memory, { isShared: true, onCrash });
      memory.momentsLeft = moments;
      let isAnswered = false;
      void store.put('k', 'a', value, 0).finally(() => {
        isAnswered = true;
      });
      await turn();
      assert.deepEqual([crashes, isAnswered], [1, false]);
      const next = new MemoryStore(memory, { isShared: true });
      assert.equal((await next.get('k', 'a')) !== undefined, isWritten);
    }
  });

  it('what was recorded a moment before the process ended is lost, as in a group that was not committed', async () => {
    const [memory, clock] = [new SharedMemory(), new FakeClock()];
    const store = new MemoryStore(memory, { isShared: true, clock });
    const entry = { atMs: 1, kind: 'healed', facts: {} } as const;
    store.record({ ...entry, subject: 'first' });
    clock.advance(60);
    await turn();
    store.record({ ...entry, subject: 'second' });
    store.kill();
    clock.advance(60);
    await turn();
    const found = await new MemoryStore(memory, { isShared: true }).ledger({ limit: 10 });
    assert.deepEqual(
      found.map(({ subject }) => subject),
      ['first'],
    );
  });

  it('a write whose answer is lost with the store has come through all the same', async () => {
    const [memory, clock] = [new SharedMemory(), new FakeClock()];
    memory.wayMs = () => 100;
    const store = new MemoryStore(memory, { isShared: true, clock });
    const written = store.put('k', 'a', value, 0);
    clock.advance(100);
    await turn();
    memory.isAway = true;
    clock.advance(100);
    await assert.rejects(written);
    assert.equal(memory.kind('k').get('a')?.version, 1);
  });
});
