import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  controlPlaneCluster,
  ingressListener,
  nodeLabels,
  tcpCallersLayer,
} from '../compile/names.ts';
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { Cluster_DiscoveryType } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { proxyBootstrap } from './bootstrap.ts';
import type { ServerAddress } from './host-file.ts';

function bootstrapWith(...servers: readonly ServerAddress[]) {
  const bytes = proxyBootstrap({
    ...{ workload: 'p', service: 's', agentSocket: '/a.sock', adminSocket: '/b.sock' },
    controlPlane: { servers, spiffeId: 'spiffe://t/c' },
  });
  return fromBinary(BootstrapSchema, bytes);
}

function clusterOf(...servers: readonly ServerAddress[]) {
  const { clusters = [] } = bootstrapWith(...servers).staticResources ?? {};
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

  it('leaves a control plane that hangs: it is pinged, since its kernel would go on answering', () => {
    const { cluster } = clusterOf({ host: '10.0.0.1', port: 1 });
    const [options] = Object.values(cluster.typedExtensionProtocolOptions);
    const { upstreamProtocolOptions: of } =
      (options && anyUnpack(options, HttpProtocolOptionsSchema)) ?? assert.fail();
    const config = of.case === 'explicitHttpConfig' ? of.value.protocolConfig : assert.fail();
    const keepalive = config.case === 'http2ProtocolOptions' && config.value.connectionKeepalive;
    assert.deepEqual(keepalive && [keepalive.interval?.seconds, keepalive.timeout?.seconds], [
      10n,
      10n,
    ]);
  });

  it('says to desks of the pool which proxy it is', () => {
    const { node } = bootstrapWith({ host: '10.0.0.1', port: 1 });
    assert.deepEqual(node?.metadata, { [nodeLabels]: { proxy: 'p' } });
  });

  it('resolves names', () => {
    const { cluster } = clusterOf({ host: 'cp-1.example.com', port: 1 });
    assert.equal(cluster.clusterDiscoveryType.value, Cluster_DiscoveryType.STRICT_DNS);
  });

  it('bounds what a flood may take, ahead of what the control plane says', () => {
    const { layeredRuntime, overloadManager } = bootstrapWith({ host: '10.0.0.1', port: 1 });
    const [limits, ...rest] = layeredRuntime?.layers ?? [];
    const values = limits?.layerSpecifier.case === 'staticLayer' && limits.layerSpecifier.value;
    assert.deepEqual(values, {
      [`envoy.resource_limits.listener.${ingressListener}.connection_limit`]: 8_192,
      'http.max_requests_per_io_cycle': 64,
      'overload.premature_reset_total_stream_count': 500,
      'overload.premature_reset_min_stream_lifetime_seconds': 1,
    });
    assert.deepEqual(
      rest.map(({ name }) => name),
      [tcpCallersLayer],
    );
    // What does not move ends before others are turned away: else who holds the memory would hold it for good.
    const actions = overloadManager?.actions.map(({ name }) => name.split('.').at(-1));
    assert.deepEqual(actions, ['shrink_heap', 'reduce_timeouts', 'stop_accepting_requests']);
  });
});
