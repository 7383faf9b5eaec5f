import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { Cluster_DiscoveryType, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { UpstreamTlsContextSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { parseIntent } from '../model/parse.ts';
import type { ServiceName, VersionName } from '../model/types.ts';
import { crossReferences } from './cross-references.ts';
import type { Workload, WorkloadId } from './inventory.ts';
import { poolCluster } from './names.ts';
import { referencesOf } from './references.ts';
import { type Resource, type Snapshot, typeUrls } from './resource.ts';
import { compileRevision, recompile } from './revision.ts';

const pool = (text: string) => `defaults: { desk: pool }\ndesk: { pool: ${text} }\n`;
const named = pool('{ authz-2: 10.0.0.6:15012, authz-1: authz-1.example.com:15012 }');

function intentOf(rest: string) {
  const { intent, findings } = parseIntent(
    new Map([
      ['mesh.yaml', `mesh: m\ntrust_domain: m.test\n${rest}`],
      [
        'services/web.yaml',
        'service: web\nowner: o\nprotocol: http\nport: 80\nallow: [{ from: web }]\n',
      ],
    ]),
  );
  assert.ok(intent !== undefined, JSON.stringify(findings));
  return intent;
}

const workload: Workload = {
  ...{ id: 'web-v1' as WorkloadId, service: 'web' as ServiceName, version: 'v1' as VersionName },
  ...{ host: 'local', address: '127.0.0.1', egressPort: 1, ingressPort: 2, appPort: 3 },
  state: 'ready',
};

function snapshotOf(rest: string): Snapshot {
  return compileRevision(intentOf(rest), [workload]).snapshots.get(workload.id) ?? assert.fail();
}

/** The clusters that listeners of a proxy ask or send to. */
function namedByListeners(snapshot: Snapshot): ReadonlySet<string> {
  const listeners = [...(snapshot.get(typeUrls.listener)?.values() ?? [])];
  const all = listeners.flatMap((one: Resource) => referencesOf(one).found);
  return new Set(all.flatMap(({ to, name }) => (to === 'cluster' ? [name] : [])));
}

function clusterOf(snapshot: Snapshot) {
  const { bytes } = snapshot.get(typeUrls.cluster)?.get(poolCluster) ?? assert.fail();
  return fromBinary(ClusterSchema, bytes);
}

describe('whom proxies ask', () => {
  it('the agent unless mesh.yaml says otherwise, also where there is a pool', () => {
    const without = snapshotOf('');
    assert.equal(without.get(typeUrls.cluster)?.has(poolCluster), false);
    assert.ok(!namedByListeners(without).has(poolCluster));
    // It is there before it is asked, and while connections of before still ask it.
    const beside = snapshotOf(named.replace('desk: pool', 'desk: agent'));
    assert.ok(beside.get(typeUrls.cluster)?.has(poolCluster));
    assert.ok(!namedByListeners(beside).has(poolCluster));
  });

  it('the pool, which is in the same snapshot', () => {
    const snapshot = snapshotOf(named);
    assert.ok(namedByListeners(snapshot).has(poolCluster));
    assert.deepEqual(crossReferences(snapshot), []);
    const without = new Map(snapshot).set(typeUrls.cluster, new Map());
    assert.ok(crossReferences(without).some(({ message }) => message.includes(poolCluster)));
  });

  it('only the hosts that are named, by their identities', () => {
    const { transportSocket } = clusterOf(snapshotOf(named));
    assert.ok(transportSocket?.configType.case === 'typedConfig');
    const tls = fromBinary(UpstreamTlsContextSchema, transportSocket.configType.value.value);
    const type = tls.commonTlsContext?.validationContextType;
    assert.ok(type?.case === 'combinedValidationContext');
    const names = type.value.defaultValidationContext?.matchTypedSubjectAltNames ?? [];
    assert.deepEqual(
      names.map(({ matcher }) => matcher?.matchPattern.value),
      ['spiffe://m.test/chancery/host/authz-1', 'spiffe://m.test/chancery/host/authz-2'],
    );
  });

  it('names are resolved by the proxy, addresses stand as they are', () => {
    const byName = clusterOf(snapshotOf(named));
    assert.equal(byName.clusterDiscoveryType.value, Cluster_DiscoveryType.STRICT_DNS);
    const fixed = clusterOf(snapshotOf(pool('{ a: "10.0.0.6:1", b: "[::1]:2" }')));
    assert.equal(fixed.clusterDiscoveryType.value, Cluster_DiscoveryType.STATIC);
  });

  it('another pool is compiled again, and the same one is the same object', () => {
    const first = compileRevision(intentOf(named), [workload]);
    const same = recompile(first, intentOf(named), [workload]);
    assert.equal(same.changed.size, 0);
    assert.equal(same.snapshots.get(workload.id), first.snapshots.get(workload.id));
    const other = recompile(first, intentOf(named.replace('15012', '15013')), [workload]);
    assert.deepEqual([...other.changed], [workload.id]);
    const back = recompile(other, intentOf(''), [workload]);
    const whole = compileRevision(intentOf(''), [workload]);
    assert.deepEqual([...back.snapshots], [...whole.snapshots]);
  });
});
