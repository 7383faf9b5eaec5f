import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ControlPlane } from '../../src/app/control-plane.ts';
import { type FencedStore, fencedStore } from '../../src/app/replicas/fenced-store.ts';
import { RevisionFollower } from '../../src/app/replicas/follow-revision.ts';
import { RevisionStore } from '../../src/app/replicas/revision-store.ts';
import { rolloutMoves } from '../../src/app/rollouts/open-rollouts.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import type { WorkloadId } from '../../src/compile/inventory.ts';
import { changedResources } from '../../src/compile/snapshot-changes.ts';
import { parseIntent } from '../../src/model/parse.ts';
import { type Rollout, reached } from '../../src/rollout/rollout.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { meshFile, serviceFile, silent, treeOf, workloadOf } from '../support/gate-world.ts';
import { Fixture } from './fixture.ts';

const inventory = [workloadOf('a'), workloadOf('b')];
const [a, b] = ['a-v1' as WorkloadId, 'b-v1' as WorkloadId];
const route = (timeout: string) =>
  `allow:\n  - { from: b, to: GET /x }\nroutes:\n  - { to: v1, timeout: ${timeout} }\nrun: { v1: { command: node a.mjs } }\n`;
const treeWith = (commit: string, timeout: string) =>
  treeOf(commit, {
    ...{ 'mesh.yaml': meshFile, 'services/b.yaml': serviceFile('b') },
    'services/a.yaml': serviceFile('a', route(timeout)),
  });

/** One control plane on a store that another one has, too; its xDS service is behind a real socket. */
async function replica(store: Store, fenced: FencedStore) {
  const fixture = await Fixture.open();
  const published = new Map<string, ReadonlyMap<string, unknown>>();
  const plane: ControlPlane = new ControlPlane({
    ...{ clock, inventory, onReady: () => {}, onAccepting: () => {}, onStayed: () => {} },
    sink: {
      publish: (proxy, snapshot) => {
        published.set(proxy, snapshot);
        fixture.service.publish(proxy, snapshot);
      },
      retire: (proxy) => fixture.service.retire(proxy),
    },
    onAccepted: ({ intent, tree }) => {
      plane.publisher.propose(intent, { id: tree.commit, subject: tree.subject });
    },
  });
  const revisions = new RevisionStore(store, fenced);
  const moves = rolloutMoves(plane, () => 0);
  const read = ({ files }: ReturnType<typeof treeWith>) => parseIntent(files);
  const holdOf = async () => undefined;
  const parts = { plane, moves, revisions, read, holdOf, programVersion: '1', log: silent };
  const follower = new RevisionFollower({ ...parts, onUnread: () => {} });
  return { fixture, plane, revisions, follower, published };
}

async function world() {
  const store = openSqliteStore(':memory:');
  await store.putLease({ epoch: 1, holder: 'leader' }, 0);
  const leader = await replica(
    store,
    fencedStore(store, () => 1),
  );
  const follower = await replica(
    store,
    fencedStore(store, () => undefined),
  );
  const running = (id: string) => ({
    ...{ running: id, next: undefined, rollout: undefined, denialsExpected: false, touched: [] },
  });
  const rolloutTo = (commit: string, wave: number): Rollout => ({
    ...{ commit, subject: '', base: 'c1', startedMs: 0, waves: [[b], [a]] },
    state: { kind: 'pushing', wave, sinceMs: 0 },
  });
  const accept = (id: string, timeout: string) => {
    const tree = treeWith(id, timeout);
    const { intent, findings } = parseIntent(tree.files);
    leader.plane.accept(tree, intent ?? assert.fail(JSON.stringify(findings)), {
      warnings: [],
      approved: false,
      compiled: undefined,
    });
    return leader.revisions.keepTree(tree);
  };
  /** Everything that a proxy would be sent is the same at both. */
  const same = (): void => {
    assert.deepEqual([...leader.published.keys()].sort(), [a, b]);
    for (const [proxy, snapshot] of leader.published) {
      const other = follower.published.get(proxy);
      assert.deepEqual(changedResources(snapshot as never, other as never), [], proxy);
    }
  };
  return {
    ...{ store, leader, follower, accept, running, rolloutTo, same },
    [Symbol.asyncDispose]: async () => {
      await leader.fixture[Symbol.asyncDispose]();
      await follower.fixture[Symbol.asyncDispose]();
      await store.close();
    },
  };
}

describe('control planes that share a store', () => {
  it('a proxy that moves from one to another is sent nothing that it has, before, while and after a commit is on its way', async () => {
    await using it = await world();
    const { leader, follower } = it;
    await it.accept('c1', '1s');
    await leader.revisions.write(it.running('c1'));
    await follower.follower.catchUp();
    const steps = [
      async () => {},
      async () => {
        await it.accept('c2', '2s');
        const rollout = it.rolloutTo('c2', 0);
        await leader.revisions.write({ ...it.running('c1'), next: 'c2', rollout });
        leader.plane.reach(reached(rollout));
      },
      async () => {
        await leader.revisions.write(it.running('c2'));
        leader.plane.settle();
      },
    ];
    for (const step of steps) {
      await step();
      await follower.follower.catchUp();
      it.same();
      for (const proxy of [a, b]) await movesWithout(leader.fixture, follower.fixture, proxy);
    }
  });

  it('one that missed steps comes to the same, and what was taken back is not taken again', async () => {
    await using it = await world();
    const { leader, follower } = it;
    await it.accept('c1', '1s');
    await leader.revisions.write(it.running('c1'));
    await it.accept('c2', '2s');
    leader.plane.settle();
    await leader.revisions.write(it.running('c2'));
    await it.accept('c3', '3s');
    const rollout = it.rolloutTo('c3', 1);
    await leader.revisions.write({ ...it.running('c2'), next: 'c3', rollout });
    leader.plane.reach(reached(rollout));
    await follower.follower.catchUp();
    assert.deepEqual(follower.plane.revision, { running: 'c2', next: 'c3' });
    it.same();
    leader.plane.withdraw('c3', 'it hurts');
    const taken: Rollout = {
      ...rollout,
      state: {
        kind: 'taken-back',
        sinceMs: 1,
        reason: 'it hurts',
        branch: { kind: 'open', problem: undefined },
      },
    };
    await leader.revisions.write({ ...it.running('c2'), rollout: taken });
    await follower.follower.catchUp();
    assert.deepEqual(follower.plane.revision, { running: 'c2', next: undefined });
    assert.match(follower.plane.takenBack('c3')?.message ?? '', /it hurts/);
    it.same();
  });

  it('what a leader accepted and could not write is undone when it follows', async () => {
    await using it = await world();
    const { leader } = it;
    await it.accept('c1', '1s');
    await leader.revisions.write(it.running('c1'));
    await leader.follower.catchUp();
    await it.accept('c2', '2s');
    leader.plane.reach(new Set([b]));
    await leader.follower.catchUp();
    assert.deepEqual(leader.plane.revision, { running: 'c1', next: undefined });
    assert.equal(leader.plane.takenBack('c2'), undefined);
  });

  it('trees that nothing names are not kept, and one that follows writes nothing', async () => {
    await using it = await world();
    const { leader, follower } = it;
    for (const id of ['c1', 'c2', 'c3']) {
      await it.accept(id, '1s');
      leader.plane.settle();
      await leader.revisions.write(it.running(id));
    }
    const kept = await it.store.versions(['intent']);
    assert.deepEqual(
      kept.map(({ id }) => id),
      ['c3'],
    );
    await assert.rejects(follower.revisions.write(it.running('c9')), /CH5450/);
    await assert.rejects(follower.revisions.keepTree(treeWith('c9', '1s')), /CH5450/);
  });
});

/** Takes all from one, and comes to the other with the versions that it has. */
async function movesWithout(from: Fixture, to: Fixture, proxy: string): Promise<void> {
  const held: Record<string, Readonly<Record<string, string>>> = {};
  const client = from.connect(proxy);
  const types = ['cluster', 'listener'] as const;
  for (const type of types) {
    client.send(type);
    held[type] = (await client.nextAcked(type)).versions;
  }
  await from.disconnect();
  const moved = to.connect(proxy);
  for (const type of types) moved.send(type, { init: held[type] ?? {} });
  await moved.silent();
  await to.disconnect();
}
