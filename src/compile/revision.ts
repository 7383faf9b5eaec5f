import type { VirtualHost } from '../gen/envoy/config/route/v3/route_components_pb.js';
import { calleesOf } from '../model/tree.ts';
import type { Intent, Service, ServiceName } from '../model/types.ts';
import { type PolicyDocument, policyDocument } from '../policy/document.ts';
import { localAppCluster, serviceCluster } from './clusters.ts';
import { versionEndpoints } from './endpoints.ts';
import { httpPolicy } from './http-policy.ts';
import type { Inventory, Workload, WorkloadId } from './inventory.ts';
import { egressHttpListener, egressTcpListener, ingressListenerFor } from './listeners.ts';
import { type Resource, type Snapshot, type TypeUrl, typeUrls } from './resource.ts';
import { egressRouteConfiguration, serviceVirtualHost } from './routes-egress.ts';
import { ingressRouteConfiguration } from './routes-ingress.ts';
import { tcpPolicy } from './tcp-authorization.ts';

/** The compiled result of one commit and one inventory: what every proxy is to have. */
export interface Revision {
  readonly snapshots: ReadonlyMap<WorkloadId, Snapshot>;
}

/** What a service is to all of its callers; compiled once and shared by their proxies. */
interface SharedService {
  readonly service: Service;
  readonly virtualHost: VirtualHost;
  readonly clusters: readonly Resource[];
  readonly endpoints: readonly Resource[];
}

/**
 * Pure: the same intent and inventory give byte-identical resources, in any process. A proxy gets only the
 * services that allow its own.
 */
export function compileRevision(intent: Intent, inventory: Inventory): Revision {
  const document = policyDocument(intent);
  const shared = new Map<ServiceName, SharedService>();
  for (const service of intent.services.values()) {
    shared.set(service.name, compileService(intent, service, inventory));
  }
  const egress = new Map<ServiceName, EgressOf>();
  const snapshots = new Map<WorkloadId, Snapshot>();
  for (const workload of inventory) {
    const service = intent.services.get(workload.service);
    if (service === undefined) continue;
    let own = egress.get(service.name);
    if (own === undefined) {
      own = compileEgress(intent, document, service, shared);
      egress.set(service.name, own);
    }
    snapshots.set(workload.id, compileProxy(service, workload, own));
  }
  return { snapshots };
}

function compileService(intent: Intent, service: Service, inventory: Inventory): SharedService {
  const clusters = service.versions.map((version) => serviceCluster(intent.mesh, service, version));
  return {
    service,
    virtualHost: serviceVirtualHost(intent.mesh, service),
    clusters,
    endpoints: service.versions.map((version, index) =>
      versionEndpoints({
        service,
        version,
        inventory,
        clusterVersion: clusters[index]?.version ?? '',
      }),
    ),
  };
}

/** What all workloads of one calling service have in common. */
interface EgressOf {
  readonly callees: readonly SharedService[];
  readonly routes: Resource;
  /** What guards and feeds the application. */
  readonly ingress: readonly Resource[];
}

function compileEgress(
  intent: Intent,
  document: PolicyDocument,
  caller: Service,
  shared: ReadonlyMap<ServiceName, SharedService>,
): EgressOf {
  const callees = calleesOf(intent, caller.name).flatMap((name) => shared.get(name) ?? []);
  return {
    callees,
    routes: egressRouteConfiguration({
      caller,
      callees: callees.filter((callee) => callee.service.protocol !== 'tcp'),
    }),
    ingress:
      caller.protocol === 'tcp'
        ? [tcpPolicy(intent, caller)]
        : [ingressRouteConfiguration(caller), httpPolicy(document, caller)],
  };
}

function compileProxy(service: Service, workload: Workload, egress: EgressOf): Snapshot {
  const listeners = [
    egressHttpListener(service, workload),
    ingressListenerFor(service, workload),
    ...tcpListeners(service, workload, egress),
  ];
  return snapshotOf([
    ...egress.callees.flatMap((callee) => callee.clusters),
    localAppCluster(service, workload.appPort),
    ...egress.callees.flatMap((callee) => callee.endpoints),
    ...listeners,
    egress.routes,
    ...egress.ingress,
  ]);
}

function tcpListeners(service: Service, workload: Workload, egress: EgressOf): Resource[] {
  return service.calls.flatMap((call) => {
    const callee = egress.callees.find((candidate) => candidate.service.name === call.service);
    if (callee === undefined || call.localPort === undefined) return [];
    const { localPort, at } = call;
    return [
      egressTcpListener({ caller: service, callee: callee.service, workload, localPort, at }),
    ];
  });
}

function snapshotOf(resources: readonly Resource[]): Snapshot {
  const byType = new Map<TypeUrl, Map<string, Resource>>();
  for (const typeUrl of Object.values(typeUrls)) byType.set(typeUrl, new Map());
  for (const one of resources) byType.get(one.typeUrl)?.set(one.name, one);
  return byType;
}
