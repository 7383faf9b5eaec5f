import assert from 'node:assert/strict';
import { it } from 'node:test';
import { workloadOf } from '../../../test/support/gate-world.ts';
import { sortInventory } from '../../compile/inventory.ts';
import { drawFrom, editFiles, randomFiles } from '../../compile/random-mesh.fixture.ts';
import type { Snapshot } from '../../compile/resource.ts';
import { compileRevision, recompile } from '../../compile/revision.ts';
import { parseIntent } from '../../model/parse.ts';
import { partsOf } from './envoy-parts.ts';

function keysOf(snapshot: Snapshot, taken?: Snapshot): ReadonlySet<string> {
  return new Set(partsOf(snapshot, taken).map(({ key }) => key));
}

it('beside what was taken no part is left out that is another one, and little else is asked again', () => {
  let [whole, beside] = [0, 0];
  for (let seed = 1; seed <= 200; seed += 1) {
    const draw = drawFrom(seed);
    const files = randomFiles(draw);
    const [before, after] = [files, editFiles(files, draw)].map((one) => parseIntent(one).intent);
    if (before === undefined || after === undefined) continue;
    const inventory = sortInventory([...before.services.keys()].map((name) => workloadOf(name)));
    const known = compileRevision(before, inventory);
    for (const [id, snapshot] of recompile(known, after, inventory).snapshots) {
      const taken = known.snapshots.get(id);
      assert.ok(taken !== undefined);
      const [all, some, had] = [keysOf(snapshot), keysOf(snapshot, taken), keysOf(taken)];
      assert.deepEqual(
        [...some].filter((key) => !all.has(key)),
        [],
      );
      assert.deepEqual(
        [...all].filter((key) => !some.has(key) && !had.has(key)),
        [],
      );
      whole += all.size;
      beside += some.size;
    }
  }
  assert.ok(whole > 500 && beside < whole / 2, `${beside} of ${whole}`);
});
