import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIntent } from '../model/parse.ts';
import type { Intent } from '../model/types.ts';
import type { Inventory, WorkloadId } from './inventory.ts';
import { drawFrom, editFiles, editInventory, randomFiles } from './random-mesh.fixture.ts';
import type { Resource, Snapshot } from './resource.ts';
import { type Compiled, compileRevision, recompile } from './revision.ts';

const runs = 12;
const steps = 25;

type All = ReadonlyMap<string, Resource>;

function resourcesOf(snapshot: Snapshot | undefined): All {
  const all = new Map<string, Resource>();
  for (const resources of snapshot?.values() ?? [])
    for (const one of resources.values()) all.set(`${one.typeUrl} ${one.name}`, one);
  return all;
}

function sorted(compiled: Compiled): [WorkloadId, Snapshot][] {
  return [...compiled.snapshots].sort(([a], [b]) => (a < b ? -1 : 1));
}

function versions(all: All): [string, string][] {
  return [...all].map(([key, { version }]) => [key, version]);
}

/** Fails unless `next` is what a whole compile gives, and shares with `before` all that says the same. */
function check(before: Compiled, next: Compiled, whole: Compiled): void {
  assert.deepEqual(sorted(next), sorted(whole));
  assert.deepEqual(next.document, whole.document);
  const changed = new Set<WorkloadId>();
  for (const [id, snapshot] of next.snapshots) {
    const old = resourcesOf(before.snapshots.get(id));
    const now = resourcesOf(snapshot);
    for (const [key, one] of now) {
      const known = old.get(key);
      if (known === undefined || known === one) continue;
      assert.notDeepEqual(known, one, `${id} ${key} says the same and is another object`);
    }
    const isNew = !before.snapshots.has(id);
    if (isNew || JSON.stringify(versions(old).sort()) !== JSON.stringify(versions(now).sort()))
      changed.add(id);
  }
  assert.deepEqual([...next.changed].sort(), [...changed].sort());
  const retired = [...before.snapshots.keys()].filter((id) => !next.snapshots.has(id));
  assert.deepEqual([...next.retired].sort(), retired.sort());
}

/** The services that say the same are the same objects, as the incremental parser keeps them. */
function keepServices(before: Intent | undefined, intent: Intent): Intent {
  const services = [...intent.services].map(([name, service]) => {
    const old = before?.services.get(name);
    return [name, isSame(old, service) ? (old ?? service) : service] as const;
  });
  return { ...intent, services: new Map(services) };
}

function isSame(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

describe('recompile', () => {
  it('gives what a whole compile gives, and the same objects for what did not change', () => {
    let compiled = 0;
    for (let seed = 1; seed <= runs; seed += 1) {
      const draw = drawFrom(seed);
      let files = randomFiles(draw);
      let good = files;
      let inventory: Inventory = [];
      let intent: Intent | undefined;
      let known: Compiled | undefined;
      for (let step = 0; step < steps; step += 1) {
        const way = draw(4);
        if (way < 2) inventory = editInventory(inventory, draw);
        if (way > 0) files = known === undefined ? randomFiles(draw) : editFiles(good, draw);
        const parsed = parseIntent(files).intent;
        if (parsed === undefined) continue;
        good = files;
        intent = keepServices(intent, parsed);
        const next = recompile(known, intent, inventory);
        if (known !== undefined) check(known, next, compileRevision({ ...intent }, inventory));
        known = next;
        compiled += 1;
      }
    }
    assert.ok(compiled > (runs * steps) / 5, `only ${compiled} trees of the draw were whole`);
  });
});
