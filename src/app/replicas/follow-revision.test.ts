import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Files,
  gateWorld,
  meshFile,
  readingOf,
  serviceFile,
  silent,
  treeOf,
  workloadOf,
} from '../../../test/support/gate-world.ts';
import { systemClock as clock } from '../../base/clock.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import { carriedFindings } from '../carried-findings.ts';
import { readIntent } from '../read-intent.ts';
import type { RolloutPlane } from '../rollouts/proposal.ts';

import { RevisionFollower } from './follow-revision.ts';
import type { ReadRevision, RevisionStore } from './revision-store.ts';

const a = serviceFile(
  'a',
  'allow:\n  - { from: b, to: GET /x }\n  - { from: b, to: GET /y, only: 1 }\n',
);
const b = serviceFile('b', 'limits: { requests: 1/s }\n');
/** As another version accepted it: `only` and `limits` are nothing that this one knows. */
const files = { 'mesh.yaml': meshFile, 'services/a.yaml': a, 'services/b.yaml': b };
const mended = {
  ...files,
  'services/a.yaml': serviceFile('a'),
  'services/b.yaml': serviceFile('b'),
};
const strange = { ...files, 'mesh.yaml': `${meshFile}lockdown: true\n` };

const still: RolloutPlane = {
  propose: () => [],
  reach: () => {},
  settle: () => {},
  withdraw: () => {},
};

/** A control plane that starts where the store says that the mesh is. */
async function started(running: Files, next?: Files, breaks?: 'reader' | 'compiler') {
  const world = await gateWorld({
    inventory: [workloadOf('a'), workloadOf('b')],
    isUnread: (commit) => follower.isUnread(commit),
  });
  const trees = { running: treeOf('running', running), next: next && treeOf('next', next) };
  const revision = { running: 'running', next: next && 'next', rollout: undefined, version: 3 };
  const revisions = {
    read: async () => revision as unknown as ReadRevision,
    tree: async (commit: string) => trees[commit as 'running' | 'next'],
  };
  const unread: (string | undefined)[] = [];
  const follower: RevisionFollower = new RevisionFollower({
    plane: world.plane,
    moves: still,
    revisions: revisions as unknown as RevisionStore,
    read: (tree) => {
      if (breaks === 'reader') throw new Error('out of its depth');
      return readIntent(tree.files, clock.nowMs());
    },
    ...{ holdOf: async () => undefined, programVersion: '1' },
    ...{ log: silent, onUnread: (commit) => unread.push(commit) },
  });
  if (breaks === 'compiler') {
    world.plane.publisher.tryOut = () => {
      throw new Error('out of its depth');
    };
  }
  await follower.catchUp();
  const rules = (): readonly string[] => {
    const { intent } = world.plane;
    if (intent.kind === 'empty') return [];
    return (
      intent.intent.services.get('a' as never)?.allow.map(({ to }) => JSON.stringify(to)) ?? []
    );
  };
  return { ...world, follower, rules, unread };
}

describe('what ran before', () => {
  it('goes on with what is understood of it, and says what is not', async () => {
    const { plane, follower, running, rules } = await started(files);
    assert.equal(running(), 'running');
    assert.equal(follower.version, 3);
    assert.equal(rules().length, 1);
    assert.match(rules()[0] ?? '', /\/x/);
    const told = carriedFindings(plane.carried);
    assert.deepEqual(
      told.map(({ code, severity, at, found }) => [code, severity, at?.file, at?.line, found]),
      [
        ['CH4247', 'error', 'services/a.yaml', 7, 'the rule allows nothing'],
        ['CH4246', 'warning', 'services/b.yaml', 5, 'what is written goes on as it stands'],
      ],
    );
  });

  it('is judged by nobody when it comes again as another commit, and what differs is', async () => {
    const world = await started(files);
    const { gatekeeper } = world;
    const offer = async (commit: string, what: Files): Promise<string | undefined> => {
      gatekeeper.offer(readingOf(commit, what));
      await gatekeeper.settled();
      return world.verdict(commit);
    };
    assert.equal(await offer('other', { ...files, 'services/b.yaml': `${b}\n` }), 'refused');
    assert.equal(world.running(), 'running');
    assert.equal(await offer('back', files), 'accepted');
    assert.equal(world.running(), 'back');
    assert.equal(world.plane.carried.length, 1);
    assert.equal(await offer('mended', mended), 'accepted');
    assert.deepEqual(world.plane.carried, []);
    assert.equal(await offer('after', files), 'refused');
  });

  it('tells proxies of a service that cannot be read nothing at all', async () => {
    const { plane, running } = await started({ ...files, 'services/b.yaml': 'service: [' });
    assert.equal(running(), 'running');
    const snapshots = plane.publisher.bareSnapshots;
    assert.ok(snapshots.has('a-v1' as WorkloadId));
    assert.equal(snapshots.has('b-v1' as WorkloadId), false);
  });

  it('does not run where nothing safe can be made of it, and is then what is missing', async () => {
    const { follower, running, gatekeeper, verdict } = await started(strange);
    assert.equal(running(), undefined);
    assert.equal(follower.version, 0);
    const [finding] = follower.findings;
    assert.equal(finding?.code, 'CH4248');
    assert.match(finding?.message ?? '', /CH1010/);
    gatekeeper.offer(readingOf('running', strange));
    await gatekeeper.settled();
    assert.equal(verdict('running'), undefined, 'it stays what it was judged by who can read it');
    gatekeeper.offer(readingOf('mended', mended));
    await gatekeeper.settled();
    assert.equal(verdict('mended'), 'accepted');
  });

  for (const breaks of ['reader', 'compiler'] as const) {
    it(`does not end the process where the ${breaks} fails at it, and what comes next runs`, async () => {
      const { follower, plane, running, gatekeeper, verdict, unread } = await started(
        mended,
        undefined,
        breaks,
      );
      assert.equal(running(), undefined);
      assert.equal(plane.intent.kind, 'empty');
      assert.deepEqual(unread, ['running']);
      const [finding] = follower.findings;
      assert.equal(finding?.code, 'CH4248');
      assert.match(finding?.message ?? '', /CH4209.*out of its depth/);
      gatekeeper.offer(readingOf('next', { ...mended, 'services/b.yaml': serviceFile('b') }));
      await gatekeeper.settled();
      assert.equal(verdict('next'), 'accepted');
    });
  }

  it('goes on without what is on its way, where that cannot be read, and counts as not having it', async () => {
    const { follower, plane } = await started(mended, strange);
    assert.deepEqual(plane.revision, { running: 'running', next: undefined });
    assert.equal(follower.version, 0);
    assert.equal(follower.underWay, undefined);
    assert.equal(follower.findings[0]?.code, 'CH4248');
    // A leader brings it back.
    const rest = follower.withoutUnread;
    assert.deepEqual([rest?.running, rest?.next], ['running', undefined]);
    assert.ok(rest);
    follower.wrote({ ...rest, version: 4 });
    assert.deepEqual(follower.findings, []);
    assert.equal(follower.withoutUnread, undefined);
    assert.equal(follower.version, 4);
  });
});
