import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { inlineListener } from '../../src/app/gate/inline-listener.ts';
import { http2Options } from '../../src/compile/clusters.ts';
import { sortInventory, type Workload, type WorkloadId } from '../../src/compile/inventory.ts';
import {
  agentCluster,
  appCluster,
  authzFilter,
  ingressListener,
  ingressRoutes,
  rbacFilter,
} from '../../src/compile/names.ts';
import { duration } from '../../src/compile/pack.ts';
import { pathStateKey } from '../../src/compile/rbac-predicates.ts';
import { type Snapshot, typeUrls } from '../../src/compile/resource.ts';
import { compileRevision } from '../../src/compile/revision.ts';
import { standIn } from '../../src/compile/stand-in.ts';
import { BootstrapSchema } from '../../src/gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from '../../src/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Listener } from '../../src/gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Intent, ServiceName, VersionName } from '../../src/model/types.ts';
import { eventually } from '../../test/support/running-mesh.ts';

/** The filters that are this product's policy at ingress. */
const policyFilterNames: ReadonlySet<string> = new Set([pathStateKey, rbacFilter, authzFilter]);

export interface ProxyOptions {
  readonly dir: string;
  readonly envoyPath: string;
  readonly intent: Intent;
  readonly service: string;
  readonly port: number;
  readonly appPort: number;
  readonly agentSocket: string;
  /** `without`: the same configuration but for the filters of the policy. */
  readonly policy: 'with' | 'without';
}

/** An Envoy with what the compiler gives the ingress of this service. */
export async function startProxy(options: ProxyOptions): Promise<ChildProcess> {
  const dir = join(options.dir, `proxy-${options.policy}`);
  mkdirSync(dir);
  writeFileSync(join(dir, 'bootstrap.pb'), bootstrapOf(options), { mode: 0o600 });
  const child = spawn(
    options.envoyPath,
    ['-c', 'bootstrap.pb', '--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'],
    { cwd: dir, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await eventually(
    () => accepts(options.port),
    10_000,
    () => 'the proxy does not listen',
  );
  return child;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** As the gate of the real Envoy has it: what would come by RDS and ECDS stands inside; certificates come from the desk. */
function bootstrapOf(options: ProxyOptions): Uint8Array {
  const snapshot = snapshotOf(options);
  const listener = listenerOf(snapshot);
  if (options.policy === 'without') removePolicy(listener);
  const app = snapshot.get(typeUrls.cluster)?.get(appCluster);
  if (app === undefined) throw new Error('no cluster of the application was compiled');
  const bootstrap = create(BootstrapSchema, {
    node: { id: 'bench', cluster: options.service },
    staticResources: {
      listeners: [listener],
      clusters: [agent(options.agentSocket), fromBinary(ClusterSchema, app.bytes)],
    },
  });
  return toBinary(BootstrapSchema, bootstrap);
}

function snapshotOf({ intent, service, port, appPort }: ProxyOptions): Snapshot {
  const own = intent.services.get(service as ServiceName);
  if (own === undefined) throw new Error(`there is no service ${service}`);
  const id = `${service}-v1`;
  const workload: Workload = {
    ...standIn(own, 'v1' as VersionName, { id, state: 'ready' }),
    ...{ ingressPort: port, appPort },
  };
  const { snapshots } = compileRevision(intent, sortInventory([workload]));
  const snapshot = snapshots.get(id as WorkloadId);
  if (snapshot === undefined) throw new Error('nothing was compiled');
  return snapshot;
}

function listenerOf(snapshot: Snapshot): Listener {
  const compiled = snapshot.get(typeUrls.listener)?.get(ingressListener);
  const routes = snapshot.get(typeUrls.routes)?.get(ingressRoutes);
  const extensions = snapshot.get(typeUrls.extension);
  if (compiled === undefined || routes === undefined || extensions === undefined) {
    throw new Error('no ingress was compiled');
  }
  return inlineListener(compiled.bytes, {
    extensions,
    frames: new Map([[ingressRoutes, routes.bytes]]),
  });
}

/** Changes what was decoded a moment ago. */
function removePolicy(listener: Listener): void {
  for (const { configType } of listener.filterChains.flatMap(({ filters }) => filters)) {
    if (configType.case !== 'typedConfig') continue;
    const manager = anyUnpack(configType.value, HttpConnectionManagerSchema);
    if (manager?.routeSpecifier.case !== 'routeConfig') continue;
    const kept = manager.httpFilters.filter(({ name }) => !policyFilterNames.has(name));
    if (kept.length !== manager.httpFilters.length - policyFilterNames.size) {
      throw new Error('the policy is not the filters that the bench takes it for');
    }
    manager.httpFilters = kept;
    manager.routeSpecifier.value.typedPerFilterConfig = {};
    configType.value = anyPack(HttpConnectionManagerSchema, manager);
  }
}

function agent(path: string): Cluster {
  const address = { address: { case: 'pipe' as const, value: { path } } };
  const endpoint = { hostIdentifier: { case: 'endpoint' as const, value: { address } } };
  return create(ClusterSchema, {
    name: agentCluster,
    connectTimeout: duration(2_000),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2Options,
    },
    loadAssignment: { clusterName: agentCluster, endpoints: [{ lbEndpoints: [endpoint] }] },
  });
}
