import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Files,
  intentOf,
  meshFile,
  serviceFile,
  treeOf,
  workloadOf,
} from '../../../test/support/gate-world.ts';
import { systemClock as clock } from '../../base/clock.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import { ControlPlane } from '../control-plane.ts';
import type { Fleet } from '../replicas/fleet.ts';
import { DeskLog } from './desk-log.ts';
import { standingOf } from './open-rollouts.ts';
import type { PoolDesks } from './pool-desks.ts';

const files = (path: string): Files => ({
  ...{ 'mesh.yaml': meshFile, 'services/b.yaml': serviceFile('b') },
  'services/a.yaml': serviceFile('a', `allow:\n  - { id: r, from: b, to: GET ${path} }\n`),
});

/** A mesh on whose proxies nothing is to be waited for, and which has a commit on its way. */
function world(watchers: number) {
  const plane = new ControlPlane({
    ...{ clock, inventory: [workloadOf('a'), workloadOf('b')] },
    ...{ onReady: () => {}, onAccepting: () => {}, onAccepted: () => {}, onStayed: () => {} },
    sink: { publish: () => {}, retire: () => {} },
  });
  const accept = (commit: string, of: Files): void =>
    plane.accept(treeOf(commit, of), intentOf(of), {
      ...{ warnings: [], approved: false, compiled: undefined },
    });
  accept('c1', files('/x'));
  const before = plane.policyVersion('local');
  accept('c2', files('/y'));
  const proxy = 'a-v1' as WorkloadId;
  plane.reach(new Set([proxy]));
  const status = { connected: true, converged: true, rejected: [] } as unknown as ReturnType<
    Fleet['status']
  >;
  const fleet = { status: () => status };
  for (let count = 0; count < watchers; count += 1) plane.subscribe('local', () => {});
  const desks = new DeskLog();
  const wanted = plane.policyVersion('local') ?? '';
  const pool: Pick<PoolDesks, 'behind' | 'refused'> = { behind: undefined, refused: undefined };
  const standing = (of = pool) => standingOf({ plane, fleet, desks, pool: of }, proxy);
  return { desks, before, wanted, standing };
}

describe('whether a proxy has a commit', () => {
  it('is not so until the desk of its host has the policy, too', () => {
    const { desks, before, wanted, standing } = world(1);
    assert.ok(before !== undefined && before !== wanted);
    desks.take('local', { policy: before });
    assert.equal(standing().converged, false);
    desks.take('local', { policy: wanted });
    assert.equal(standing().converged, true);
  });

  it('is not asked of an agent that is away or told by another replica, nor of one that tells nothing of its policy', () => {
    const away = world(0);
    away.desks.take('local', { policy: 'old' });
    assert.equal(away.standing().converged, true);
    const older = world(1);
    older.desks.take('local', {});
    assert.equal(older.standing().converged, true);
  });

  it('is not so until the desks of the pool that are there have it, and is refused by one that cannot read it', () => {
    const { desks, wanted, standing } = world(1);
    desks.take('local', { policy: wanted });
    const behind = 'the desk authz-1 of the pool has not taken its policy';
    const waits = standing({ behind, refused: undefined });
    assert.deepEqual([waits.converged, waits.lacks], [false, behind]);
    assert.equal(standing({ behind: undefined, refused: 'policy' }).refused, 'policy');
  });

  it('a desk that cannot read the policy refuses the commit', () => {
    const { desks, before, wanted, standing } = world(1);
    const policyRefused = { version: wanted, problem: '$.version is 4' };
    desks.take('local', { policy: before ?? '', policyRefused });
    assert.match(standing().refused ?? '', /^policy, at its desk: \$\.version is 4$/);
  });
});
