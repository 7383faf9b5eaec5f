import {
  type Inventory,
  sortInventory,
  type Workload,
  type WorkloadId,
} from '../src/compile/inventory.ts';
import type { Intent } from '../src/model/types.ts';

/** A generated intent in which every service lets `callers` others call it, so that each has as many callees. */
export function bigMesh(services: number, callers: number): Map<string, string> {
  const files = new Map([['mesh.yaml', 'mesh: bench\ntrust_domain: bench.test\n']]);
  for (let index = 0; index < services; index += 1) {
    files.set(`services/${serviceName(index)}.yaml`, serviceText(index, services, callers));
  }
  return files;
}

function serviceText(index: number, services: number, callers: number): string {
  const names = Array.from({ length: Math.min(callers, services - 1) }, (_, step) =>
    serviceName((index + step + 1) % services),
  );
  return [
    `service: ${serviceName(index)}`,
    'owner: b',
    'protocol: http',
    `port: ${10_000 + index}`,
    'allow:',
    `  - { from: [${names.join(', ')}], to: GET /v1/** }`,
    'routes:',
    '  - { to: v1, timeout: 5s }',
    '',
  ].join('\n');
}

export function serviceName(index: number): string {
  return `s${index}`;
}

/** One workload a service. */
export function oneEach(intent: Intent): Inventory {
  return sortInventory([...intent.services.values()].map(workload));
}

function workload(service: { readonly name: Workload['service'] }, index: number): Workload {
  return {
    id: `${service.name}-v1` as WorkloadId,
    service: service.name,
    version: 'v1' as Workload['version'],
    host: 'local',
    address: '127.0.0.1',
    egressPort: 20_000 + index,
    ingressPort: 30_000 + index,
    appPort: 10_000 + index,
    state: 'ready',
  };
}
