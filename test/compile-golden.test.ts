import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { sortInventory, type Workload, type WorkloadId } from '../src/compile/inventory.ts';
import { typeUrls } from '../src/compile/resource.ts';
import { compileRevision, type Revision } from '../src/compile/revision.ts';
import { readWorkingTree } from '../src/git/working-tree.ts';
import { parseIntent } from '../src/model/parse.ts';
import type { Intent } from '../src/model/types.ts';
import { snapshotJson } from './support/snapshot-json.ts';

async function intentOf(dir: string): Promise<Intent> {
  const files = await readWorkingTree(dir);
  assert.ok(files.ok);
  const { intent, findings } = parseIntent(files.value);
  assert.ok(intent !== undefined, JSON.stringify(findings));
  return intent;
}

/** One workload a version, with ports that are easy to tell apart. */
function workloadsOf(intent: Intent): Workload[] {
  let next = 0;
  return [...intent.services.values()].flatMap((service) =>
    service.versions.map((version) => {
      next += 1;
      return {
        id: `${service.name}-${version}` as WorkloadId,
        service: service.name,
        version,
        host: 'local',
        address: '127.0.0.1',
        egressPort: 15_000 + next,
        ingressPort: 15_100 + next,
        appPort: service.port,
        state: 'ready',
      };
    }),
  );
}

function versions(revision: Revision): Map<string, string> {
  const all = new Map<string, string>();
  for (const [proxy, snapshot] of revision.snapshots) {
    for (const [type, resources] of snapshot) {
      for (const { name, version } of resources.values())
        all.set(`${proxy} ${type} ${name}`, version);
    }
  }
  return all;
}

const cases: readonly (readonly [string, string])[] = [
  ['examples/shop', 'checkout-v1'],
  ['examples/shop', 'payments-v2'],
  ['test/golden/compile/tcp', 'web-v1'],
  ['test/golden/compile/tcp', 'db-v1'],
];

describe('compile', () => {
  for (const [dir, proxy] of cases) {
    it(`${dir} gives ${proxy} what its golden file says`, async () => {
      const intent = await intentOf(dir);
      const revision = compileRevision(intent, sortInventory(workloadsOf(intent)));
      const snapshot = revision.snapshots.get(proxy as WorkloadId);
      assert.ok(snapshot !== undefined);
      const text = `${JSON.stringify(snapshotJson(snapshot), undefined, 1)}\n`;
      const file = `test/golden/compile/${proxy}.json`;
      if (process.env['UPDATE_GOLDEN'] === '1') {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      }
      assert.equal(text, readFileSync(file, 'utf8'), 'run with UPDATE_GOLDEN=1 and read the diff');
    });
  }

  it('the order of files and workloads changes no byte', async () => {
    const intent = await intentOf('examples/shop');
    const workloads = workloadsOf(intent);
    const turned: Intent = { ...intent, services: new Map([...intent.services].reverse()) };
    const one = versions(compileRevision(intent, sortInventory(workloads)));
    const other = versions(compileRevision(turned, sortInventory(workloads.reverse())));
    assert.deepEqual([...other].sort(), [...one].sort());
  });

  it('a proxy gets only the services that allow its own', async () => {
    const intent = await intentOf('examples/shop');
    const revision = compileRevision(intent, sortInventory(workloadsOf(intent)));
    const clusters = revision.snapshots.get('reports-v1' as WorkloadId)?.get(typeUrls.cluster);
    assert.deepEqual([...(clusters?.keys() ?? [])].sort(), ['app', 'payments/v1', 'payments/v2']);
  });

  it('a changed split touches the routes of its callers and nothing else', async () => {
    const intent = await intentOf('examples/shop');
    const inventory = sortInventory(workloadsOf(intent));
    const payments = [...intent.services.values()].find((service) => service.name === 'payments');
    assert.ok(payments !== undefined);
    const routes = payments.routes.map((route) => ({
      ...route,
      split: route.split.map((share) => ({ ...share, weight: 50 })),
    }));
    const services = new Map(intent.services).set(payments.name, { ...payments, routes });
    const before = versions(compileRevision(intent, inventory));
    const after = versions(compileRevision({ ...intent, services }, inventory));
    const changed = [...after]
      .filter(([key, version]) => before.get(key) !== version)
      .map(([key]) => key);
    assert.deepEqual(changed.sort(), [
      `checkout-v1 ${typeUrls.routes} egress`,
      `reports-v1 ${typeUrls.routes} egress`,
    ]);
  });

  it('G1: endpoints have another version when their cluster has', async () => {
    const intent = await intentOf('examples/shop');
    const inventory = sortInventory(workloadsOf(intent));
    const mesh = { ...intent.mesh, defaults: { ...intent.mesh.defaults, connectTimeoutMs: 1_234 } };
    const before = versions(compileRevision(intent, inventory));
    const after = versions(compileRevision({ ...intent, mesh }, inventory));
    const key = `reports-v1 ${typeUrls.endpoints} payments/v1`;
    assert.notEqual(after.get(key), before.get(key));
  });
});
