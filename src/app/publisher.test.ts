import assert from 'node:assert/strict';
import { it } from 'node:test';
import { intentOf, workloadOf } from '../../test/support/gate-world.ts';
import { caller, wide, wideMesh } from '../../test/support/wide-mesh.ts';
import { systemClock as clock } from '../base/clock.ts';
import { type Snapshot, typeUrls } from '../compile/resource.ts';
import type { MeshEvent } from '../serve/api/wire.ts';
import { Publisher } from './publisher.ts';

it('a change of what is only on demand goes to its proxies, and is live when they have taken it', () => {
  const events: MeshEvent[] = [];
  const published: Snapshot[] = [];
  const publisher = new Publisher({
    clock,
    emit: (event) => events.push(event),
    sink: {
      publish: (_proxy, _snapshot, onDemand) => void published.push(onDemand),
      retire: () => {},
    },
  });
  const files = wideMesh(wide);
  const { id } = workloadOf(caller);
  publisher.start(intentOf(files), [workloadOf(caller)], { id: 'one', subject: '' });
  const version = () => published.at(-1)?.get(typeUrls.cluster)?.get('api/v1')?.version;
  const before = version();
  assert.ok(before !== undefined);
  const slower = {
    ...files,
    'mesh.yaml': `${files['mesh.yaml']}defaults: { connect_timeout: 3s }\n`,
  };
  const touched = publisher.propose(intentOf(slower), { id: 'two', subject: '' });
  assert.deepEqual(
    touched.map(({ proxy }) => proxy),
    [id],
  );
  assert.equal(version(), before, 'nobody gets it yet');
  publisher.reach(new Set([id]));
  assert.notEqual(version(), before);
  publisher.converged(id);
  const [live] = events;
  assert.ok(live?.kind === 'live' && live.proxies[0]?.resources.includes('Cluster api/v1'));
});
