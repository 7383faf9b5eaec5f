import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { http2Options } from '../../compile/clusters.ts';
import { sortInventory, type Workload, type WorkloadId } from '../../compile/inventory.ts';
import {
  agentCluster,
  appCluster,
  httpOptionsName,
  ingressListener,
  ingressRoutes,
} from '../../compile/names.ts';
import { duration } from '../../compile/pack.ts';
import { type Snapshot, typeUrls } from '../../compile/resource.ts';
import { compileRevision } from '../../compile/revision.ts';
import { standIn } from '../../compile/stand-in.ts';
import { BootstrapSchema } from '../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Listener } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import type { Intent, ServiceName } from '../../model/types.ts';
import { inlineListener } from '../gate/inline-listener.ts';

const agentConnectMs = 2_000;

interface SnapshotOptions {
  readonly intent: Intent;
  readonly service: ServiceName;
  /** Where its ingress listens, on loopback. */
  readonly port: number;
  readonly appPort: number;
  /** Only for who also takes the egress. */
  readonly egressPort?: number;
}

interface IngressOptions extends SnapshotOptions {
  /** As the proxy finds it from the folder that it runs in. */
  readonly agentSocket: string;
}

/** What a proxy of this service is sent, with these ports. */
export function proxySnapshot(options: SnapshotOptions): Snapshot {
  const { intent, service, port, appPort, egressPort } = options;
  const own = intent.services.get(service);
  const [version] = own?.versions ?? [];
  if (own === undefined || version === undefined) throw new Error(`there is no ${service}`);
  const id = `${service}-${version}`;
  const workload: Workload = {
    ...standIn(own, version, { id, state: 'ready' }),
    ...{ ingressPort: port, appPort },
    ...(egressPort === undefined ? {} : { egressPort }),
  };
  const { snapshots } = compileRevision(intent, sortInventory([workload]));
  const snapshot = snapshots.get(id as WorkloadId);
  if (snapshot === undefined) throw new Error('nothing was compiled');
  return snapshot;
}

/**
 * The ingress as it is compiled, for an Envoy without a control plane: what would come by RDS and ECDS stands inside;
 * certificates and decisions come from the agent's socket. `change` may still change the listener. Serialized.
 */
export function ingressBootstrap(
  options: IngressOptions,
  change: (listener: Listener) => void = () => {},
): Uint8Array {
  const snapshot = proxySnapshot(options);
  const listener = listenerOf(snapshot);
  change(listener);
  const app = snapshot.get(typeUrls.cluster)?.get(appCluster);
  if (app === undefined) throw new Error('no cluster of the application was compiled');
  const bootstrap = create(BootstrapSchema, {
    node: { id: 'sds', cluster: options.service },
    staticResources: {
      listeners: [listener],
      clusters: [agent(options.agentSocket), fromBinary(ClusterSchema, app.bytes)],
    },
  });
  return toBinary(BootstrapSchema, bootstrap);
}

function listenerOf(snapshot: Snapshot): Listener {
  const compiled = snapshot.get(typeUrls.listener)?.get(ingressListener);
  const extensions = snapshot.get(typeUrls.extension);
  if (compiled === undefined || extensions === undefined) {
    throw new Error('no ingress was compiled');
  }
  // A TCP service has no routes.
  const routes = snapshot.get(typeUrls.routes)?.get(ingressRoutes);
  const frames = routes === undefined ? [] : [[ingressRoutes, routes.bytes] as const];
  return inlineListener(compiled.bytes, { extensions, frames: new Map(frames) });
}

function agent(path: string): Cluster {
  const address = { address: { case: 'pipe' as const, value: { path } } };
  const endpoint = { hostIdentifier: { case: 'endpoint' as const, value: { address } } };
  return create(ClusterSchema, {
    name: agentCluster,
    connectTimeout: duration(agentConnectMs),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    typedExtensionProtocolOptions: {
      [httpOptionsName]: http2Options,
    },
    loadAssignment: { clusterName: agentCluster, endpoints: [{ lbEndpoints: [endpoint] }] },
  });
}
