import type { Mesh, Service } from '../model/types.ts';
import { serviceCluster } from './clusters.ts';
import { versionEndpoints } from './endpoints.ts';
import type { Workload } from './inventory.ts';
import { keepList, keepResource, samePlaces } from './keep.ts';
import type { Resource } from './resource.ts';
import { type VirtualHostPart, virtualHostPart } from './routes-egress.ts';

/** What a service is to all of its callers; compiled once and shared by their proxies. */
export interface SharedService {
  readonly service: Service;
  readonly virtualHost: VirtualHostPart;
  readonly clusters: readonly Resource[];
  readonly endpoints: readonly Resource[];
}

/** `known` is what it was before; it is kept where it says the same. */
export function compileShared(
  mesh: Mesh,
  service: Service,
  instances: readonly Workload[],
  known: SharedService | undefined,
): SharedService {
  return placeShared(compileWays(mesh, service, known), instances);
}

/** All but the endpoints, which are still those of before. */
function compileWays(
  mesh: Mesh,
  service: Service,
  known: SharedService | undefined,
): SharedService {
  const clusters = service.versions.map((version, index) =>
    keepResource(known?.clusters[index], serviceCluster(mesh, service, version)),
  );
  return {
    service,
    virtualHost: keepVirtualHost(known?.virtualHost, virtualHostPart(mesh, service)),
    clusters: keepList(known?.clusters, clusters),
    endpoints: known?.endpoints ?? [],
  };
}

function keepVirtualHost(known: VirtualHostPart | undefined, next: VirtualHostPart) {
  if (known === undefined || !samePlaces(known.from, next.from)) return next;
  return Buffer.compare(known.bytes, next.bytes) === 0 ? known : next;
}

/** The same service with other instances. */
export function placeShared(shared: SharedService, instances: readonly Workload[]): SharedService {
  const { service, clusters } = shared;
  const endpoints = service.versions.map((version, index) => {
    const clusterVersion = clusters[index]?.version ?? '';
    const next = versionEndpoints({ service, version, instances, clusterVersion });
    return keepResource(shared.endpoints[index], next);
  });
  return { ...shared, endpoints: keepList(shared.endpoints, endpoints) };
}
