import type { Brand } from '../base/brand.ts';
import type { ServiceName, VersionName } from '../model/types.ts';

/** Names one workload, its proxy and its node id: `<service>-<version>` or any unique label. */
export type WorkloadId = Brand<string, 'WorkloadId'>;

/**
 * One running instance of a service and the proxy beside it.
 * `ready` takes new requests; `unhealthy` fails its own health check; `draining` finishes what it has.
 */
export interface Workload {
  readonly id: WorkloadId;
  readonly service: ServiceName;
  readonly version: VersionName;
  readonly host: string;
  /** IP address on which other proxies reach this one. */
  readonly address: string;
  readonly ingressPort: number;
  readonly egressPort: number;
  /** Where the application listens, on 127.0.0.1. */
  readonly appPort: number;
  readonly state: 'ready' | 'unhealthy' | 'draining';
}

/** What `up` calls the instance that it runs of a version. */
export function workloadIdOf(service: ServiceName, version: VersionName): WorkloadId {
  return `${service}-${version}` as WorkloadId;
}

/** Every workload of the mesh, sorted by id. */
export type Inventory = readonly Workload[];

export function sortInventory(workloads: Iterable<Workload>): Inventory {
  return [...workloads].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
