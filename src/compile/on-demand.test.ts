import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { candidateOf, intentOf, noTraffic, workloadOf } from '../../test/support/gate-world.ts';
import { caller, idleName, wide, wideMesh } from '../../test/support/wide-mesh.ts';
import { guardFindings } from '../app/gate/guard-rails.ts';
import { referenceCheck } from '../app/gate/references.ts';
import { appCluster } from './names.ts';
import { type Snapshot, typeUrls } from './resource.ts';
import { compileRevision, recompile } from './revision.ts';

const inventory = [workloadOf(caller), workloadOf('api')];
const [web] = inventory.map(({ id }) => id);
if (web === undefined) throw new Error('there is no workload');

/** Whole offers in an assertion that fails would be megabytes of text. */
function versions(snapshot: Snapshot | undefined): string {
  const all = [...(snapshot?.values() ?? [])].flatMap((resources) => [...resources.values()]);
  return all.map(({ name, version }) => `${name} ${version}`).join('\n');
}

function names(snapshot: Snapshot | undefined, type: keyof typeof typeUrls): readonly string[] {
  return [...(snapshot?.get(typeUrls[type])?.keys() ?? [])];
}

describe('a service that may call very many', () => {
  it('is sent no cluster of them, but is offered all of them, and its routes name them', () => {
    const { snapshots, offers } = compileRevision(intentOf(wideMesh(wide)), inventory);
    assert.deepEqual(names(snapshots.get(web), 'cluster'), [appCluster]);
    assert.deepEqual(names(snapshots.get(web), 'endpoints'), []);
    assert.equal(names(offers.get(web), 'cluster').length, wide);
    assert.equal(names(offers.get(web), 'endpoints').length, wide);
    assert.equal(offers.size, 1, 'api calls nobody');
    const routes = snapshots.get(web)?.get(typeUrls.routes)?.get('egress')?.bytes;
    assert.ok(Buffer.from(routes ?? []).includes(`${idleName(0)}/v1`));
  });

  it('with one fewer is sent all of them, by the same listeners', () => {
    const few = compileRevision(intentOf(wideMesh(wide - 1)), inventory);
    const many = compileRevision(intentOf(wideMesh(wide)), inventory);
    assert.equal(few.offers.size, 0);
    assert.equal(names(few.snapshots.get(web), 'cluster').length, wide);
    const listeners = (one: typeof few) =>
      [...(one.snapshots.get(web)?.get(typeUrls.listener)?.values() ?? [])].map(
        ({ version }) => version,
      );
    assert.deepEqual(listeners(few), listeners(many));
  });

  it('keeps what is sent of services that speak TCP: its listeners name their clusters', () => {
    const files = wideMesh(wide);
    files['services/db.yaml'] =
      'service: db\nowner: t\nprotocol: tcp\nport: 5432\nallow:\n  - { from: web }\n';
    files['services/web.yaml'] += 'calls: [{ service: db, local_port: 15432 }]\n';
    const { snapshots } = compileRevision(intentOf(files), inventory);
    assert.deepEqual(names(snapshots.get(web), 'cluster'), ['db/v1', appCluster]);
  });

  it('passes the gates of references and removals when it comes to call so many', () => {
    const candidate = candidateOf(wideMesh(wide - 1), wideMesh(wide), inventory);
    assert.deepEqual(referenceCheck()(candidate), []);
    const evidence = { traffic: noTraffic, nowMs: 0 };
    assert.deepEqual(guardFindings(candidate, evidence), []);
  });

  it('is compiled again to the same, with the same objects for what did not change', () => {
    const files = wideMesh(wide);
    const before = compileRevision(intentOf(files), inventory);
    const path = `services/${idleName(0)}.yaml`;
    const after = intentOf({ ...files, [path]: (files[path] ?? '').replace('5s', '6s') });
    const moved = { ...before.intent, services: new Map(before.intent.services) };
    const changed = [...after.services.values()].find(({ name }) => name === idleName(0));
    if (changed === undefined) throw new Error('it is gone');
    moved.services.set(changed.name, changed);
    const next = recompile(before, moved, inventory);
    const whole = (state: typeof inventory) => compileRevision(moved, state).offers.get(web);
    assert.equal(versions(next.offers.get(web)), versions(whole(inventory)));
    assert.ok(next.offers.get(web) === before.offers.get(web), 'a route is no cluster');
    const down = inventory.map((one) => ({ ...one, state: 'draining' as const }));
    const drained = recompile(next, moved, down);
    assert.deepEqual([...drained.changed], [web]);
    assert.equal(versions(drained.offers.get(web)), versions(whole(down)));
    const cluster = (offer: Snapshot | undefined) => offer?.get(typeUrls.cluster);
    assert.ok(cluster(drained.offers.get(web)) === cluster(next.offers.get(web)));
  });
});
