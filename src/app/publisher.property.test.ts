import assert from 'node:assert/strict';
import { it } from 'node:test';
import { systemClock as clock } from '../base/clock.ts';
import type { Inventory, WorkloadId } from '../compile/inventory.ts';
import {
  type Draw,
  drawFrom,
  editFiles,
  editInventory,
  randomFiles,
} from '../compile/random-mesh.fixture.ts';
import type { Snapshot } from '../compile/resource.ts';
import { compileRevision } from '../compile/revision.ts';
import { parseIntent } from '../model/parse.ts';
import type { Intent } from '../model/types.ts';
import { Publisher } from './publisher.ts';

const runs = 15;
const steps = 40;

function versionsOf(snapshot: Snapshot): readonly string[] {
  return [...snapshot.values()].flatMap((resources) =>
    [...resources.values()].map((one) => `${one.typeUrl} ${one.name} ${one.version}`),
  );
}

/** Edits until there is an intent: some are refused. */
function nextIntent(files: Map<string, string>, draw: Draw): [Map<string, string>, Intent] {
  for (let edited = editFiles(files, draw); ; edited = editFiles(edited, draw)) {
    const { intent } = parseIntent(edited);
    if (intent !== undefined) return [edited, intent];
  }
}

/** Commits that come, spread, settle or are taken back, while workloads come and go. */
function ride(seed: number): void {
  const draw = drawFrom(seed);
  const has = new Map<WorkloadId, readonly string[]>();
  const publisher = new Publisher({
    clock,
    emit: () => {},
    sink: {
      publish: (proxy, snapshot) => has.set(proxy, versionsOf(snapshot)),
      retire: (proxy) => assert.ok(has.delete(proxy), `${proxy} had nothing`),
    },
  });
  let [files, base] = nextIntent(randomFiles(draw), draw);
  let next: Intent | undefined;
  let reached: ReadonlySet<WorkloadId> = new Set();
  let inventory: Inventory = editInventory([], draw);
  publisher.start(base, inventory, { id: '0', subject: '' });
  const actions: (() => void)[] = [
    () => {
      if (next !== undefined) return;
      [files, next] = nextIntent(files, draw);
      publisher.propose(next, { id: String(draw(1_000)), subject: '' });
      // The first wave: what had nothing before gets what is to run.
      publisher.reach(reached);
    },
    () => {
      if (next === undefined) return;
      reached = new Set(inventory.filter(() => draw(2) === 0).map(({ id }) => id));
      publisher.reach(reached);
    },
    () => {
      [base, next, reached] = [next ?? base, undefined, new Set()];
      publisher.settle();
    },
    () => {
      [next, reached] = [undefined, new Set()];
      publisher.withdraw();
    },
    () => {
      inventory = editInventory(inventory, draw);
      publisher.update(inventory);
    },
  ];
  for (let step = 0; step < steps; step += 1) {
    actions[Math.min(draw(8), 4)]?.();
    const expected = new Map<WorkloadId, readonly string[]>();
    const before = compileRevision(base, inventory).snapshots;
    const after = next && compileRevision(next, inventory).snapshots;
    for (const { id } of inventory) {
      const isNext = reached.has(id) || !before.has(id);
      const snapshot = isNext ? (after?.get(id) ?? before.get(id)) : before.get(id);
      if (snapshot !== undefined) expected.set(id, versionsOf(snapshot));
    }
    assert.deepEqual(sorted(has), sorted(expected), `seed ${seed}, step ${step}`);
  }
}

function sorted(map: ReadonlyMap<WorkloadId, readonly string[]>) {
  return [...map]
    .map(([id, versions]): [string, readonly string[]] => [id, versions.toSorted()])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

it('each proxy has what the side it is on makes of the present workloads, whatever came before', () => {
  for (let seed = 1; seed <= runs; seed += 1) ride(seed);
});
