import assert from 'node:assert/strict';
import { it } from 'node:test';
import { History } from '../../../test/support/commits/history.ts';
import { ProcessClock } from '../../../test/support/commits/process-clock.ts';
import { openServer } from '../../../test/support/commits/server.ts';
import { MemoryStore, SharedMemory } from '../../../test/support/commits/shared-store.ts';
import { versionOf } from '../../../test/support/commits/version.ts';
import { meshFile, serviceFile, silent, treeOf } from '../../../test/support/gate-world.ts';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { systemRandom as random } from '../../base/random.ts';
import { err } from '../../base/result.ts';
import { remoteUnreachable } from '../../git/remote-findings.ts';
import { type ReplicaAbout, replicaKind } from './presence.ts';
import { RevisionStore } from './revision-store.ts';

/** As a later version accepted it. */
const strange = {
  'mesh.yaml': `${meshFile}lockdown: true\n`,
  'services/a.yaml': serviceFile('a'),
};
const still = { next: undefined, rollout: undefined, denialsExpected: false, touched: [] };

/** A replica of this version whose mesh runs what only a later one can read. */
async function world() {
  const [memory, clock] = [new SharedMemory(), new FakeClock()];
  const history = new History();
  const { id } = history.commit(new Map(Object.entries(strange)), 'of a later version');
  const shared = new MemoryStore(memory, { isShared: true });
  const revisions = new RevisionStore(shared, shared);
  await revisions.keepTree(treeOf(id, strange));
  await revisions.write({ ...still, running: id });
  let isOtherThere = true;
  let unread: string | undefined;
  const beat = async (): Promise<void> => {
    const about: ReplicaAbout = {
      ...{ replica: 'r2', name: 'later:1', startedMs: 1, state: 'serving' },
      ...(unread === undefined ? {} : { unread }),
    };
    const bytes = Buffer.from(JSON.stringify(about));
    if (isOtherThere) await shared.put(replicaKind, 'r2', bytes, undefined);
  };
  await beat();
  const own = new ProcessClock(clock);
  const process = { clock: own, store: new MemoryStore(memory, { isShared: true, clock: own }) };
  void openServer({
    ...{ ...process, random, history, port: 1, watchMs: 0, log: silent, noticeMs: () => 0 },
    ...{ envoy: { name: 'envoy', onErrors: 'refuse', check: async () => [] } },
    ...{ remote: undefined, disk: { accepted: undefined }, version: versionOf(1, 'api') },
    takeBack: async () => err(remoteUnreachable('https://git.test', 'away')),
  });
  const pass = async (ms: number): Promise<readonly string[]> => {
    const holders: string[] = [];
    for (let passedMs = 0; passedMs < ms; passedMs += 100) {
      clock.advance(100);
      if (passedMs % 2_000 === 0) await beat();
      for (let turns = 0; turns < 5; turns += 1) await new Promise((done) => setImmediate(done));
      holders.push(memory.lease?.holder ?? '');
    }
    return holders;
  };
  /** Trees are read on another thread, which takes the time of no clock. */
  const passUntil = async (isSo: () => boolean): Promise<void> => {
    for (let tries = 0; !isSo(); tries += 1) {
      assert.ok(tries < 300, 'it never is so');
      await pass(100);
      await new Promise((done) => setTimeout(done, 5));
    }
  };
  const isFree = (): boolean => memory.lease?.holder === '';
  return {
    ...{ pass, passUntil, isFree, memory },
    other: (now: { readonly isThere: boolean; readonly unread?: string }) => {
      isOtherThere = now.isThere;
      unread = now.unread;
    },
  };
}

it('who cannot read what the mesh runs leaves the lease to a replica that can', async () => {
  const { pass, passUntil, isFree } = await world();
  await passUntil(isFree);
  assert.ok((await pass(3_000)).every((holder) => holder === ''));
});

it('and leads where no other one can read it either, or is there', async () => {
  for (const now of [{ isThere: false }, { isThere: true, unread: 'c1' }]) {
    const { pass, passUntil, memory, other } = await world();
    other(now);
    await passUntil(() => (memory.lease?.holder ?? '') !== '');
    await pass(10_000);
    const { epoch } = memory.lease ?? { epoch: 0 };
    await pass(20_000);
    assert.equal(memory.lease?.epoch, epoch, 'it leads on');
  }
});

it('it leaves the lease also to one that comes later', async () => {
  const { pass, passUntil, isFree, memory, other } = await world();
  other({ isThere: true, unread: 'c1' });
  await passUntil(() => (memory.lease?.holder ?? '') !== '');
  await pass(10_000);
  assert.ok(!isFree());
  other({ isThere: true });
  await passUntil(isFree);
  assert.ok((await pass(1_000)).every((holder) => holder === ''));
});
