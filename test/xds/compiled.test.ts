import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { sortInventory, type Workload, type WorkloadId } from '../../src/compile/inventory.ts';
import { type Resource, type Snapshot, typeUrls } from '../../src/compile/resource.ts';
import { compileRevision, type Revision } from '../../src/compile/revision.ts';
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from '../../src/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { readWorkingTree } from '../../src/git/working-tree.ts';
import { parseIntent } from '../../src/model/parse.ts';
import type { Intent } from '../../src/model/types.ts';

const dirs = ['examples/shop', 'test/golden/compile/tcp'];

/** What the rules ask of the resources themselves, on whole compiled meshes. */
describe('xDS rules of compiled snapshots', () => {
  const meshes: { readonly intent: Intent; readonly workloads: readonly Workload[] }[] = [];
  before(async () => {
    for (const dir of dirs) {
      const files = await readWorkingTree(dir);
      assert.ok(files.ok);
      const { intent } = parseIntent(files.value);
      assert.ok(intent !== undefined);
      meshes.push({ intent, workloads: workloadsOf(intent) });
    }
  });

  const revisions = (): Revision[] =>
    meshes.map(({ intent, workloads }) => compileRevision(intent, sortInventory(workloads)));
  const snapshots = (): Snapshot[] => revisions().flatMap((one) => [...one.snapshots.values()]);
  const edsClusters = (snapshot: Snapshot): Cluster[] =>
    of(snapshot, 'cluster')
      .map(({ bytes }) => fromBinary(ClusterSchema, bytes))
      .filter((cluster) => cluster.clusterDiscoveryType.value === Cluster_DiscoveryType.EDS);

  it('E7 every HTTP proxy has its route configurations, also one that calls nobody', () => {
    for (const snapshot of snapshots()) {
      const names = of(snapshot, 'routes').map(({ name }) => name);
      assert.ok(names.includes('egress'), names.join());
    }
  });

  it('E8 every cluster with endpoints has an assignment in the same snapshot, and the other way round', () => {
    for (const snapshot of snapshots()) {
      const clusters = edsClusters(snapshot).map(({ name }) => name);
      const assignments = of(snapshot, 'endpoints').map(({ name }) => name);
      assert.deepEqual(clusters.toSorted(), assignments.toSorted());
    }
  });

  it('G2 no two clusters share an assignment', () => {
    for (const snapshot of snapshots()) {
      for (const { name, edsClusterConfig } of edsClusters(snapshot)) {
        assert.ok(['', name].includes(edsClusterConfig?.serviceName ?? ''), name);
      }
    }
  });

  it('G6 no cluster waits for its endpoints for ever', () => {
    for (const cluster of snapshots().flatMap(edsClusters)) {
      const timeout = cluster.edsClusterConfig?.edsConfig?.initialFetchTimeout;
      assert.ok(timeout !== undefined && timeout.seconds > 0n && timeout.seconds <= 15n);
    }
  });

  it('H3 a change of health is a change of that assignment and of nothing else', () => {
    const [mesh] = meshes;
    assert.ok(mesh);
    const [first, ...others] = mesh.workloads;
    assert.ok(first);
    const changed = sortInventory([{ ...first, state: 'unhealthy' }, ...others]);
    const [was, is] = [mesh.workloads, changed].map((inventory) =>
      versionsOf(compileRevision(mesh.intent, sortInventory(inventory))),
    );
    const differing = [...(is ?? [])].filter(([key, version]) => was?.get(key) !== version);
    assert.ok(differing.length > 0);
    const name = `${typeUrls.endpoints} ${first.service}/${first.version}`;
    assert.deepEqual(
      [...new Set(differing.map(([key]) => key.split(' ').slice(1).join(' ')))],
      [name],
    );
  });

  it('H4 a version without workloads has an empty assignment', () => {
    for (const { intent } of meshes) {
      const [only] = workloadsOf(intent).filter(({ service }) => intent.services.has(service));
      assert.ok(only);
      const { snapshots: alone } = compileRevision(intent, [only]);
      for (const one of of(alone.get(only.id) ?? new Map(), 'endpoints')) {
        if (one.name.startsWith(`${only.service}/`)) continue;
        assert.deepEqual(fromBinary(ClusterLoadAssignmentSchema, one.bytes).endpoints, []);
      }
    }
  });

  it('G1 the version of an assignment changes with its cluster', () => {
    const [mesh] = meshes;
    assert.ok(mesh);
    const { intent, workloads } = mesh;
    const connectTimeoutMs = intent.mesh.defaults.connectTimeoutMs + 1;
    const defaults = { ...intent.mesh.defaults, connectTimeoutMs };
    const other = { ...intent, mesh: { ...intent.mesh, defaults } };
    const was = versionsOf(compileRevision(intent, sortInventory(workloads)));
    const is = versionsOf(compileRevision(other, sortInventory(workloads)));
    const assignments = [...is.keys()].filter((key) => key.includes(typeUrls.endpoints));
    assert.ok(assignments.length > 0);
    for (const key of assignments) assert.notEqual(is.get(key), was.get(key), key);
  });

  it('K4 F5 the same intent gives the same versions, however often and in whatever order', () => {
    for (const { intent, workloads } of meshes) {
      const services = new Map([...intent.services].reverse());
      const turned = { ...intent, services };
      const first = versionsOf(compileRevision(intent, sortInventory(workloads)));
      const second = versionsOf(compileRevision(turned, sortInventory(workloads.toReversed())));
      assert.deepEqual([...second].toSorted(), [...first].toSorted());
    }
  });
});

function of(snapshot: Snapshot, type: keyof typeof typeUrls): Resource[] {
  return [...(snapshot.get(typeUrls[type])?.values() ?? [])];
}

function versionsOf({ snapshots }: Revision): Map<string, string> {
  const entries = [...snapshots].flatMap(([proxy, snapshot]) =>
    [...snapshot.values()].flatMap((present) =>
      [...present.values()].map(({ typeUrl, name, version }): [string, string] => [
        `${proxy} ${typeUrl} ${name}`,
        version,
      ]),
    ),
  );
  return new Map(entries);
}

/** One workload a version, on ports of their own. */
function workloadsOf(intent: Intent): Workload[] {
  return [...intent.services.values()]
    .flatMap((service) => service.versions.map((version) => ({ service, version })))
    .map(({ service, version }, index) => ({
      id: `${service.name}-${version}` as WorkloadId,
      service: service.name,
      version,
      host: 'local',
      address: '127.0.0.1',
      egressPort: 15_000 + index,
      ingressPort: 15_100 + index,
      appPort: service.port,
      state: 'ready',
    }));
}
