import type { Finding, Position } from '../../base/finding.ts';
import type { Inventory, Workload } from '../../compile/inventory.ts';
import { appCluster } from '../../compile/names.ts';
import { type Snapshot, typeUrls } from '../../compile/resource.ts';
import type { Intent, Service } from '../../model/types.ts';
import type { Candidate } from './candidate.ts';

/** What one resource of a proxy says of another, and which ports it would take (rules E7, E8, E10, K2). */
export function referenceFindings({ intent, samples, inventory }: Candidate): readonly Finding[] {
  const missing = [...samples].flatMap(([service, snapshot]) =>
    missingIn(snapshot).map((what) => missingFinding(service, what, intent.services.get(service))),
  );
  return [...missing, ...portFindings(intent, inventory)];
}

/** A cluster without its endpoints warms for seconds; a listener without its routes holds up the start of a proxy. */
function missingIn(snapshot: Snapshot): string[] {
  const names = (type: keyof typeof typeUrls): ReadonlySet<string> =>
    new Set(snapshot.get(typeUrls[type])?.keys());
  const endpoints = names('endpoints');
  const clusters = [...names('cluster')].filter((name) => name !== appCluster);
  return [
    ...clusters.filter((name) => !endpoints.has(name)).map((name) => `endpoints of ${name}`),
    ...[...endpoints]
      .filter((name) => !clusters.includes(name))
      .map((name) => `the cluster ${name}`),
  ];
}

function missingFinding(proxy: string, what: string, service: Service | undefined): Finding {
  return {
    code: 'CH4202',
    severity: 'error',
    message: `what proxies of ${proxy} would get does not hold together: ${what} is missing`,
    ...(service === undefined ? {} : { at: service.at }),
    help: 'this is a fault of Chancery: nothing of the commit was sent; report it with the commit',
  };
}

function portFindings(intent: Intent, inventory: Inventory): Finding[] {
  const seen = new Set<string>();
  return inventory.flatMap((workload) => {
    const service = intent.services.get(workload.service);
    return (service?.calls ?? []).flatMap(({ service: callee, localPort, at }) => {
      const owner = localPort === undefined ? undefined : ownerOf(workload, localPort);
      const key = `${at.file}:${at.line}:${at.column}`;
      if (localPort === undefined || owner === undefined || seen.has(key)) return [];
      seen.add(key);
      return [portFinding(`${workload.id} for ${callee}`, localPort, owner, at)];
    });
  });
}

/** Ports of a workload are handed out by its host, so only a running one can tell. */
function ownerOf(workload: Workload, port: number): string | undefined {
  if (port === workload.egressPort) return 'its own egress listener';
  if (port === workload.appPort) return 'its own application';
  const isLoopback = workload.address === '127.0.0.1' || workload.address === '0.0.0.0';
  return isLoopback && port === workload.ingressPort ? 'its own ingress listener' : undefined;
}

function portFinding(who: string, port: number, owner: string, at: Position): Finding {
  return {
    code: 'CH4203',
    severity: 'error',
    message: `the local port ${port} of ${who} is taken by ${owner}`,
    at,
    expected: 'a port that nothing on the hosts of the service uses',
    help: 'choose another `local_port`',
  };
}
