import assert from 'node:assert/strict';
import { it } from 'node:test';
import { intentOf, workloadOf } from '../../test/support/gate-world.ts';
import { caller, wide, wideMesh } from '../../test/support/wide-mesh.ts';
import { parseIntent } from '../model/parse.ts';
import { publishedOf } from './published.ts';
import { drawFrom, editInventory, randomFiles } from './random-mesh.fixture.ts';
import { recordComparison, recordedProxies, recordOf } from './recorded.ts';
import { compileRevision } from './revision.ts';

const stored = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

it('what is written down says of each proxy what was compiled, and differs where anything does', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const draw = drawFrom(seed);
    const { intent } = parseIntent(randomFiles(draw));
    if (intent === undefined) continue;
    const inventory = editInventory(editInventory([], draw), draw);
    const revision = compileRevision(intent, inventory);
    const isSame = recordComparison();
    const recorded = recordedProxies(stored(recordOf(revision)));
    assert.equal(recorded.length, revision.snapshots.size);
    const other = compileRevision(intent, editInventory(inventory, draw));
    for (const one of recorded) {
      const [now, then] = [publishedOf(revision, one.proxy), publishedOf(other, one.proxy)];
      assert.ok(now !== undefined && isSame(one, now), `seed ${seed}: ${one.proxy}`);
      if (then === undefined) continue;
      const versions = (all: typeof now) =>
        JSON.stringify(
          [...all.snapshot].map(([, named]) =>
            [...named.values()].map(({ version }) => version).sort(),
          ),
        );
      assert.equal(
        isSame(one, then),
        versions(now) === versions(then),
        `seed ${seed}: ${one.proxy}`,
      );
    }
  }
});

it('what is only on demand is in it, too, and a resource of an unknown type leaves out whoever has it', () => {
  const revision = compileRevision(intentOf(wideMesh(wide)), [workloadOf(caller)]);
  const record = stored(recordOf(revision));
  const [one] = recordedProxies(record);
  assert.ok(one?.onDemand.flat().some(({ name }) => name === 'api/v1'));
  const ids = record.ids.map((id) => id.replace(/^Listener /, 'Hearer '));
  assert.deepEqual(recordedProxies({ ...record, ids }), []);
});
