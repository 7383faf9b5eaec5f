import type { TrustBundle } from '../identity/trust.ts';
import {
  type AgentHealthReply,
  type HostReport,
  type HostTrouble,
  hostHolder,
} from '../serve/api/wire.ts';
import type { AgentSockets } from './agent-sockets.ts';
import type { ControlLink } from './control-link.ts';
import type { HostCache } from './host-cache.ts';
import type { HostFile } from './host-file.ts';
import { agentHealth, type HealthParts, hostHealth } from './host-health.ts';
import { hostTroubles } from './host-troubles.ts';
import type { HostWorkloads, ToldByProxies } from './host-workloads.ts';
import type { PolicyDesk } from './policy-desk.ts';
import type { SvidPool } from './svid-pool.ts';

/** What a host tells of is made of. */
export interface HostParts {
  readonly nowMs: number;
  readonly link: Pick<ControlLink, 'state' | 'apart'>;
  readonly workloads: HostWorkloads;
  readonly pool: SvidPool;
  readonly cache: HostCache;
  readonly desk: PolicyDesk;
  readonly sockets: AgentSockets;
  readonly trust: TrustBundle | undefined;
  readonly jumpedAtMs: number | undefined;
  readonly applications: HostFile['applications'];
}

/** To the control plane. */
export function hostReport(parts: HostParts, told: ToldByProxies): HostReport {
  const { workloads, pool, desk, trust, applications } = parts;
  const { counters, presented: byProxies, ...use } = told;
  const { agents } = workloads;
  const byProcesses = pool.svids.map(({ spiffeId: holder, issuerKeyId }) => ({
    ...{ holder, issuerKeyId },
  }));
  return {
    workloads: agents.map((agent) => agent.workload),
    trustSequence: Math.min(
      trust?.sequence ?? 0,
      ...agents.map((agent) => agent.confirmedSequence),
    ),
    presented: [...byProxies, ...byProcesses, ...ownIssuer(parts)],
    health: hostHealth(healthParts(parts)),
    ...(counters === undefined ? {} : { counters }),
    ...(applications === undefined ? {} : { applications }),
    ...use,
    ...desk.report,
  };
}

/** To whoever runs this host. */
export function healthReply(parts: HostParts): AgentHealthReply {
  return agentHealth({ ...healthParts(parts), trust: parts.trust });
}

function healthParts(parts: HostParts): HealthParts {
  const { nowMs, link, workloads, pool, jumpedAtMs, cache, desk } = parts;
  return {
    ...{ nowMs, pool, jumpedAtMs },
    link: link.state,
    workloads: workloads.agents.map(({ workload, svidState }) => ({
      ...{ holder: workload.id, svidState },
    })),
    sealedBy: cache.sealedBy,
    decisions: desk.counts,
    troubles: troublesOf(parts),
  };
}

function troublesOf({
  link,
  workloads,
  pool,
  cache,
  desk,
  sockets,
}: HostParts): readonly HostTrouble[] {
  const { agents } = workloads;
  const own = link.apart === undefined ? [] : [{ holder: hostHolder, reason: link.apart }];
  return hostTroubles({
    apart: [...own, ...pool.apart],
    ...{ cache, desk: desk.troubles, workloads: agents },
    sockets: [...sockets.all, ...agents.flatMap(({ socket }) => socket ?? [])],
  });
}

/** The host's own certificate counts too: with one of an old CA it could not ask any more. */
function ownIssuer({ link: { state } }: HostParts): HostReport['presented'] {
  if (state.kind !== 'joined' && state.kind !== 'overdue') return [];
  return [{ holder: hostHolder, issuerKeyId: state.identity.issuerKeyId }];
}
