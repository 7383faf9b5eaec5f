import assert from 'node:assert/strict';
import { it } from 'node:test';
import { recordOf } from '../../../test/support/commits/host.ts';
import {
  intentOf,
  meshFile,
  serviceFile,
  silent,
  treeOf,
  workloadOf,
} from '../../../test/support/gate-world.ts';
import { systemClock as clock } from '../../base/clock.ts';
import type { Workload } from '../../compile/inventory.ts';
import type { HostReport } from '../../serve/api/wire.ts';
import { ControlPlane } from '../control-plane.ts';
import { HostReports } from './reports.ts';

const files = {
  'mesh.yaml': meshFile,
  'services/a.yaml': serviceFile('a'),
  'services/b.yaml': serviceFile('b'),
};

/** A control plane whose store takes what the test lets it take. */
function world() {
  const plane = new ControlPlane({
    ...{ clock, inventory: [], sink: { publish: () => {}, retire: () => {} } },
    ...{ onReady: () => {}, onAccepting: () => {}, onAccepted: () => {}, onStayed: () => {} },
  });
  const more = { warnings: [], approved: false, compiled: undefined };
  plane.accept(treeOf('c1', files), intentOf(files), more);
  const store = { isAway: false, writes: 0 };
  const told: string[] = [];
  const nothing = { take: () => {} };
  const reports = new HostReports({
    ...{ plane, clock, log: silent, confirmations: nothing, shadows: nothing },
    ...{ traffic: nothing, flows: nothing, breakglass: { uses: { take: async () => {} } } },
    revisions: { applications: nothing, desks: nothing },
    signals: { tell: (proxy) => told.push(proxy), forget: () => {} },
    store: {
      isShared: false,
      record: () => {},
      put: async () => {
        if (store.isAway) throw new Error('the store is away');
        store.writes += 1;
      },
    } as never,
  });
  const report = (workloads: readonly Workload[]) =>
    reports.take(recordOf('local'), {
      ...{ workloads, trustSequence: 0, presented: [], health: {} },
      counters: workloads.map(({ id: workload }) => ({ workload, counters: {} })),
    } as unknown as HostReport);
  return { store, told, report };
}

it('a host that tells the same in another order is not written again', async () => {
  const { store, report } = world();
  const [a, b] = [workloadOf('a'), workloadOf('b')];
  await report([a, b]);
  assert.equal(store.writes, 1);
  await report([b, a]);
  await report([a, b]);
  assert.equal(store.writes, 1);
});

it('what proxies count is heard also while the store takes nothing', async () => {
  const { store, told, report } = world();
  const [a, b] = [workloadOf('a'), workloadOf('b')];
  await report([a]);
  store.isAway = true;
  await assert.rejects(() => report([a, b]));
  assert.deepEqual(told, ['a-v1', 'a-v1', 'b-v1']);
});
