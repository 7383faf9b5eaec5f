import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { versionOf } from '../../../test/support/commits/version.ts';
import { intentOf, meshFile, serviceFile, workloadOf } from '../../../test/support/gate-world.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { newGrant } from '../../breakglass/grant.ts';
import { heldNow } from '../../compile/hold.ts';
import { type Inventory, sortInventory, type WorkloadId } from '../../compile/inventory.ts';
import { publishedOf } from '../../compile/published.ts';
import { recordOf } from '../../compile/recorded.ts';
import { type Snapshot, shortType, typeUrls } from '../../compile/resource.ts';
import { type Compile, recompile } from '../../compile/revision.ts';
import { openSqliteStore } from '../../store/sqlite.ts';
import { Publisher } from '../publisher.ts';
import { writeCompiled } from './compiled-store.ts';
import { openHold } from './open-hold.ts';

const files = {
  'mesh.yaml': meshFile,
  'services/api.yaml': serviceFile('api', 'allow:\n  - { from: web, to: GET /x }\n'),
  'services/web.yaml': serviceFile('web'),
  'services/db.yaml': serviceFile('db'),
};
const intent = intentOf(files);
const inventory: Inventory = sortInventory([
  workloadOf('api'),
  { ...workloadOf('web'), egressPort: 15_002, ingressPort: 15_102 },
  { ...workloadOf('db'), egressPort: 15_003, ingressPort: 15_103 },
]);
const [api, web] = ['api-v1', 'web-v1'] as [WorkloadId, WorkloadId];
const before = versionOf(3, 'web');

/** A store in which the version before has written what it compiled, and sent it to all but those in `unsent`. */
async function storeOf(options: { readonly commit?: string; readonly unsent?: WorkloadId } = {}) {
  const { commit = 'c', unsent } = options;
  const store = openSqliteStore(':memory:');
  await store.putLease({ epoch: 1, holder: 'one' }, 0);
  const made = before.compile(undefined, intent, inventory);
  for (const [id, snapshot] of made.snapshots) {
    if (id === unsent) continue;
    for (const one of [...snapshot.values()].flatMap((named) => [...named.values()])) {
      const { typeUrl, name, version, bytes } = one;
      store.keepResource({
        type: shortType(typeUrl),
        name,
        version,
        bytes,
        from: [],
        atMs: 0,
        commit,
      });
    }
  }
  const record = { version: before.name, commit, inventory, grants: [], ...recordOf(made) };
  await writeCompiled({ put: (...args) => store.put(...args) }, record);
  return { store, made };
}

const runningBy = (compile: Compile, present: Inventory = inventory, given = intent) => ({
  ...{ commit: 'c', bare: intent, compile, now: compile(undefined, given, present) },
});

const versions = (snapshot: Snapshot | undefined) =>
  new Map(
    [...(snapshot ?? [])].map(([type, named]) => [
      type,
      [...named.values()].map((one) => one.version),
    ]),
  );

describe('what another version compiled', () => {
  it('is what proxies go on with where this one makes something else of the same', async () => {
    const { store, made } = await storeOf();
    const running = runningBy(recompile);
    const hold = await openHold(store, running);
    assert.equal(hold?.version, before.name);
    assert.deepEqual([...(hold?.proxies.keys() ?? [])], [web]);
    assert.deepEqual(hold?.lost, []);
    const now = publishedOf(running.now, web);
    const held = hold?.proxies.get(web);
    assert.ok(now !== undefined && held !== undefined);
    const goesOn = heldNow(held, now);
    assert.deepEqual(versions(goesOn.snapshot), versions(made.snapshots.get(web)));
    const listener = [...(goesOn.snapshot.get(typeUrls.listener)?.values() ?? [])][0];
    assert.ok(Buffer.from(listener?.bytes ?? []).includes(before.text));
  });

  it('holds nobody where both make the same, of another commit, or where nothing is written down', async () => {
    const { store } = await storeOf();
    assert.equal(await openHold(store, runningBy(before.compile)), undefined);
    assert.equal(await openHold(store, { ...runningBy(recompile), commit: 'other' }), undefined);
    assert.equal(await openHold(openSqliteStore(':memory:'), runningBy(recompile)), undefined);
    const moved = inventory.map((one) => ({ ...one, appPort: 9_999 }));
    assert.equal(await openHold(store, runningBy(before.compile, moved)), undefined);
  });

  it('holds nobody of whom the resources are nowhere, and says of how many', async () => {
    const { store } = await storeOf({ unsent: web });
    const hold = await openHold(store, runningBy(recompile));
    assert.deepEqual([...(hold?.proxies ?? [])], []);
    assert.deepEqual(hold?.lost, [web]);
  });

  it('has the endpoints of now, and ends where anything else is no more as it was', async () => {
    const { store, made } = await storeOf();
    const hold = await openHold(store, runningBy(recompile));
    const held = hold?.proxies.get(web);
    assert.ok(held !== undefined);
    const away = inventory.map((one) =>
      one.id === api ? { ...one, state: 'unhealthy' as const } : one,
    );
    const now = publishedOf(recompile(undefined, intent, away), web);
    assert.ok(now !== undefined);
    const goesOn = heldNow(held, now);
    const endpoints = goesOn.snapshot.get(typeUrls.endpoints);
    assert.deepEqual(endpoints, now.snapshot.get(typeUrls.endpoints));
    const listeners = versions(goesOn.snapshot).get(typeUrls.listener);
    assert.deepEqual(listeners, versions(made.snapshots.get(web)).get(typeUrls.listener));
    const elsewhere = inventory.map((one) => (one.id === web ? { ...one, appPort: 9_999 } : one));
    const other = publishedOf(recompile(undefined, intent, elsewhere), web);
    assert.ok(other !== undefined);
    assert.equal(heldNow(held, other), other);
  });
});

describe('a publisher that holds', () => {
  const grant = newGrant(
    {
      ...{ id: 'g', who: 'web', callee: 'db', operations: [], forMs: 1_000, reason: 'r' },
      ...{ by: 'ann', askedMs: 0 },
    },
    { approvals: 1 },
  );
  const holding = async () => {
    const { store } = await storeOf();
    const sent = new Map<WorkloadId, Snapshot>();
    const publisher = new Publisher({
      ...{ clock, emit: () => {} },
      sink: { publish: (id, snapshot) => void sent.set(id, snapshot), retire: () => {} },
    });
    const hold = await openHold(store, runningBy(recompile));
    publisher.start(intent, inventory, { id: 'c', subject: '' }, { hold });
    const isHeld = (): boolean =>
      [...(sent.get(web)?.get(typeUrls.listener)?.values() ?? [])].every(({ bytes }) =>
        Buffer.from(bytes).includes(before.text),
      );
    return { publisher, isHeld, sent };
  };

  it('sends what this version makes to whom it releases, and back what was before', async () => {
    const { publisher, isHeld } = await holding();
    assert.ok(isHeld());
    assert.deepEqual([...publisher.held.keys()], [web]);
    publisher.release(new Set([web]));
    assert.ok(!isHeld());
    assert.deepEqual(publisher.behind, []);
    publisher.release(new Set());
    assert.ok(isHeld());
    publisher.releaseAll();
    assert.ok(!isHeld());
    assert.equal(publisher.held.size, 0);
  });

  it('keeps no grant and no end of one back', async () => {
    const { publisher, isHeld } = await holding();
    publisher.grant([grant]);
    assert.ok(!isHeld());
    publisher.grant([]);
    assert.ok(isHeld());
  });

  it('brings all along with a commit, in its waves, and holds again when that is taken back', async () => {
    const { publisher, isHeld } = await holding();
    const next = intentOf({ ...files, 'services/api.yaml': serviceFile('api') });
    const touched = publisher.propose(next, { id: 'd', subject: '' });
    assert.deepEqual(touched.map(({ proxy }) => proxy).sort(), [api, web]);
    assert.ok(isHeld());
    publisher.reach(new Set([web]));
    assert.ok(!isHeld());
    publisher.withdraw();
    assert.ok(isHeld());
    publisher.propose(next, { id: 'd', subject: '' });
    publisher.settle();
    assert.ok(!isHeld());
    assert.equal(publisher.hold, undefined);
  });
});
