import type { Finding, Position } from '../../base/finding.ts';
import { crossReferences } from '../../compile/cross-references.ts';
import type { Inventory, Workload } from '../../compile/inventory.ts';
import type { Intent } from '../../model/types.ts';
import type { Candidate } from './candidate.ts';

/**
 * What one resource of a proxy says of another, and which ports it would take (rules E7, E8, E10, K2). Of two candidates
 * checked one after the other the second costs what differs.
 */
export function referenceCheck(): (candidate: Candidate) => readonly Finding[] {
  let sound: Candidate['samples'] = new Map();
  return ({ intent, samples, inventory }) => {
    const missing = [...samples].flatMap(([service, snapshot]) =>
      crossReferences(snapshot, sound.get(service)),
    );
    if (missing.length === 0) sound = samples;
    return [...missing, ...portFindings(intent, inventory)];
  };
}

function portFindings(intent: Intent, inventory: Inventory): Finding[] {
  const seen = new Set<string>();
  return inventory.flatMap((workload) => {
    const service = intent.services.get(workload.service);
    return (service?.calls ?? []).flatMap(({ service: callee, localPort, at }) => {
      const owner = localPort === undefined ? undefined : ownerOf(workload, localPort, inventory);
      const key = `${at.file}:${at.line}:${at.column}`;
      if (localPort === undefined || owner === undefined || seen.has(key)) return [];
      seen.add(key);
      return [portFinding(`${workload.id} for ${callee}`, localPort, owner, at)];
    });
  });
}

/**
 * Ports of a workload are handed out by its host, so only those that run can tell. Two proxies may well listen on one port:
 * they would share its connections, and Envoy would say nothing.
 */
function ownerOf(caller: Workload, port: number, inventory: Inventory): string | undefined {
  for (const workload of inventory) {
    if (workload.host !== caller.host) continue;
    const whose =
      workload.id === caller.id ? 'its own' : `the ${workload.id} on the same host: its`;
    if (port === workload.egressPort) return `${whose} egress listener`;
    if (port === workload.appPort) return `${whose} application`;
    const isLoopback = workload.address === '127.0.0.1' || workload.address === '0.0.0.0';
    if (isLoopback && port === workload.ingressPort) return `${whose} ingress listener`;
  }
  return undefined;
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
