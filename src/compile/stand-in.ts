import type { Service, VersionName } from '../model/types.ts';
import { type Inventory, sortInventory, type Workload, type WorkloadId } from './inventory.ts';

/** Stands for a workload where none is known: its proxy would be sent what a real one is, but for ports and addresses. */
export function standIn(
  service: Service,
  version: VersionName,
  given: { readonly id: string; readonly state: Workload['state'] },
): Workload {
  return {
    id: given.id as WorkloadId,
    service: service.name,
    version,
    host: '?',
    address: '127.0.0.1',
    egressPort: 15_001,
    ingressPort: 15_101,
    appPort: service.port,
    state: given.state,
  };
}

/** One of each version of each service. */
export function standIns(services: Iterable<Service>): Inventory {
  const all = [...services].flatMap((service) =>
    service.versions.map((version) =>
      standIn(service, version, { id: `${service.name}-${version}`, state: 'ready' }),
    ),
  );
  return sortInventory(all);
}
