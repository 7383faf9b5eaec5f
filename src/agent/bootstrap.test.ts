import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { controlPlaneCluster } from '../compile/names.ts';
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { Cluster_DiscoveryType } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { proxyBootstrap } from './bootstrap.ts';
import type { ServerAddress } from './host-file.ts';

function clusterOf(...servers: readonly ServerAddress[]) {
  const bytes = proxyBootstrap({
    ...{ workload: 'p', service: 's', agentSocket: '/a.sock', adminSocket: '/b.sock' },
    controlPlane: { servers, spiffeId: 'spiffe://t/c' },
  });
  const { clusters = [] } = fromBinary(BootstrapSchema, bytes).staticResources ?? {};
  const cluster = clusters.find(({ name }) => name === controlPlaneCluster) ?? assert.fail();
  const endpoints = cluster.loadAssignment?.endpoints.flatMap(({ lbEndpoints }) => lbEndpoints);
  return { cluster, endpoints: endpoints?.length };
}

describe('the bootstrap of a proxy', () => {
  it('has every control plane, and leaves out for a while the one that failed', () => {
    const { cluster, endpoints } = clusterOf(
      { host: '10.0.0.1', port: 15_010 },
      { host: '10.0.0.2', port: 15_010 },
    );
    assert.equal(endpoints, 2);
    assert.equal(cluster.clusterDiscoveryType.value, Cluster_DiscoveryType.STATIC);
    assert.equal(cluster.outlierDetection?.consecutive5xx, 1);
    assert.equal(cluster.outlierDetection?.maxEjectionPercent, 100);
  });

  it('never leaves out the only one', () => {
    assert.equal(clusterOf({ host: '10.0.0.1', port: 1 }).cluster.outlierDetection, undefined);
  });

  it('resolves names', () => {
    const { cluster } = clusterOf({ host: 'cp-1.example.com', port: 1 });
    assert.equal(cluster.clusterDiscoveryType.value, Cluster_DiscoveryType.STRICT_DNS);
  });
});
