import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Store } from '../../src/store/store.ts';
import type { BackendOfCalls } from './contract.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();

/** Takes the lease anew, as a replica that begins to lead does. */
async function lead(store: Store, holder: string): Promise<number> {
  const before = await store.lease();
  const epoch = (before?.epoch ?? 0) + 1;
  assert.ok(await store.putLease({ epoch, holder }, before?.version ?? 0));
  return epoch;
}

export function leaseContract({ fresh, open }: BackendOfCalls): void {
  it('of replicas that want the lease at once exactly one gets it, and each write counts its version', async () => {
    const address = await fresh();
    const stores = await Promise.all(Array.from({ length: 6 }, () => open(address)));
    for (const version of [0, 1, 2]) {
      const taken = await Promise.all(
        stores.map((store, index) =>
          store.putLease({ epoch: version + 1, holder: `${index}` }, version),
        ),
      );
      assert.deepEqual(
        taken.filter((one) => one !== undefined),
        [version + 1],
      );
    }
    const lease = await stores[0]?.lease();
    assert.deepEqual([lease?.epoch, lease?.version], [3, 3]);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('what an epoch that is over still writes or removes is refused, whatever it knows of the document', async () => {
    const address = await fresh();
    const [old, next] = [await open(address), await open(address)];
    const first = await lead(old, 'old');
    assert.equal(await old.put('k', 'a', bytes('1'), 0, first), 1);
    assert.equal(await old.put('k', 'a', bytes('2'), 1, first), 2);
    assert.equal(await old.put('k', 'a', bytes('3'), undefined, first), 3);
    assert.equal(await old.put('k', 'b', bytes('3'), undefined, first), 1);
    assert.equal(await old.put('k', 'a', bytes('x'), 1, first), undefined);
    assert.equal(await old.put('k', 'a', bytes('x'), 0, first), undefined);
    const second = await lead(next, 'next');
    assert.equal(second, first + 1);
    for (const ifVersion of [3, undefined, 0]) {
      assert.equal(await old.put('k', 'a', bytes('old'), ifVersion, first), undefined);
    }
    for (const ifVersion of [undefined, 0]) {
      assert.equal(await old.put('k', 'new', bytes('old'), ifVersion, first), undefined);
    }
    assert.equal(await old.remove('k', 'a', first), false);
    assert.equal(text((await next.get('k', 'a'))?.value), '3');
    assert.equal(await next.get('k', 'new'), undefined);
    assert.equal(await next.put('k', 'a', bytes('4'), 3, second), 4);
    assert.equal(await next.remove('k', 'a', second), true);
    await Promise.all([old.close(), next.close()]);
  });

  it('of an old and a new leader that write at once nothing of the old one comes after the first of the new one', async () => {
    const address = await fresh();
    const [old, next] = [await open(address), await open(address)];
    for (let round = 0; round < 20; round += 1) {
      const epoch = await lead(old, 'old');
      const id = `${round}`;
      await old.put('k', id, bytes('old'), 0, epoch);
      const writes = Array.from({ length: 8 }, () =>
        old.put('k', id, bytes('old'), undefined, epoch),
      );
      const takeover = (async () =>
        next.put('k', id, bytes('next'), undefined, await lead(next, 'next')))();
      await Promise.all([...writes, takeover]);
      assert.equal(text((await next.get('k', id))?.value), 'next');
    }
    await Promise.all([old.close(), next.close()]);
  });

  it('versions of several kinds are told without what they hold', async () => {
    const store = await open(await fresh());
    await store.put('x', 'a', bytes('1'), 0);
    await store.put('x', 'a', bytes('2'), 1);
    await store.put('y', 'b', bytes('1'), 0);
    await store.put('z', 'c', bytes('1'), 0);
    const found = [...(await store.versions(['x', 'y']))].sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(found, [
      { kind: 'x', id: 'a', version: 2 },
      { kind: 'y', id: 'b', version: 1 },
    ]);
    await store.close();
  });
}
