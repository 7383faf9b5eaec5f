import {
  type Inventory,
  sortInventory,
  type Workload,
  type WorkloadId,
} from '../../src/compile/inventory.ts';
import type { ServiceName, VersionName } from '../../src/model/types.ts';

/**
 * The mesh of the baseline, as intent: proxy node-i runs svc-i and calls svc-0 and 19 others, which a generator picks
 * that any language can repeat. Here every instance of a service is a workload with a proxy, so that a thousand proxies
 * are one instance each; the baseline's services have five endpoints without that. `XDS_BENCH_INSTANCES=5` gives ours
 * as many, at the price of 4,000 proxies more to compile and hold for.
 */
export const size = {
  services: 1_000,
  fanout: 20,
  instances: Number(process.env['XDS_BENCH_INSTANCES'] ?? 1),
} as const;
export const trustDomain = 'mesh.test';

/** The percent of a service's requests that go to v1, until a commit moves it. */
export const weightAtFirst = 90;

export function serviceName(index: number): ServiceName {
  return `svc-${index}` as ServiceName;
}

function calleesOf(node: number): readonly number[] {
  const picked = new Set([0]);
  // The generator is minstd; its products stay below 2^53.
  for (let x = node + 1; picked.size < size.fanout; ) {
    x = (x * 48_271) % 2_147_483_647;
    picked.add(x % size.services);
  }
  return [...picked];
}

/** The folder of intent: mesh.yaml and a file for each service. */
export function intentFiles(): ReadonlyMap<string, string> {
  const callers = Array.from({ length: size.services }, (): string[] => []);
  for (let node = 0; node < size.services; node += 1) {
    for (const callee of calleesOf(node)) {
      if (callee !== node) callers[callee]?.push(serviceName(node));
    }
  }
  const files = new Map([['mesh.yaml', `mesh: bench\ntrust_domain: ${trustDomain}\n`]]);
  for (const [index, from] of callers.entries()) {
    files.set(`services/${serviceName(index)}.yaml`, serviceFile(index, from, weightAtFirst));
  }
  return files;
}

function serviceFile(index: number, callers: readonly string[], weight: number): string {
  const from = index === 0 ? '"*"' : `[${callers.join(', ')}]`;
  const allow = callers.length === 0 ? '' : `allow:\n  - { from: ${from}, to: "* /**" }\n`;
  return (
    `service: ${serviceName(index)}\nowner: bench\nprotocol: http\nport: ${10_000 + index}\n${allow}` +
    `routes:\n  - { split: { v1: ${weight}, v2: ${100 - weight} }, timeout: 15s }\n`
  );
}

/** The first instance of svc-i is node-i; the fifth runs v2, as in the baseline. */
export function inventory(): Inventory {
  const workloads: Workload[] = [];
  for (let service = 0; service < size.services; service += 1) {
    for (let instance = 0; instance < size.instances; instance += 1) {
      workloads.push(workload(service, instance));
    }
  }
  return sortInventory(workloads);
}

function workload(service: number, instance: number): Workload {
  return {
    id: workloadId(service, instance),
    service: serviceName(service),
    version: (instance === 4 ? 'v2' : 'v1') as VersionName,
    host: 'bench',
    address: `127.${1 + Math.floor(service / 250)}.${1 + (service % 250)}.${1 + instance}`,
    ingressPort: 20_000,
    egressPort: 15_001,
    appPort: 10_000 + service,
    state: 'ready',
  };
}

export function workloadId(service: number, instance: number): WorkloadId {
  return (instance === 0 ? `node-${service}` : `more-${service}-${instance}`) as WorkloadId;
}
