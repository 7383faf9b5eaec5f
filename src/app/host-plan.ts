import { type Workload, workloadIdOf } from '../compile/inventory.ts';
import { declaredPort } from '../model/run.ts';
import { calleesOf } from '../model/tree.ts';
import type { HealthCheck, Intent, Service, ServiceName } from '../model/types.ts';
import type { Sides } from '../rollout/sides.ts';

/** Ports that stay with a workload from one start to the next. */
export interface Ports {
  readonly egressPort: number;
  readonly ingressPort: number;
  readonly appPort: number;
}

/** What was handed out at an earlier start; empty at the first. */
export interface PortBook {
  readonly controlPlanePort?: number;
  readonly agentPort?: number;
  readonly workloads: Readonly<Record<string, Ports>>;
}

/** All that runs on this machine, and where it listens. */
export interface HostPlan {
  readonly controlPlanePort: number;
  /** The control plane's API for hosts. */
  readonly agentPort: number;
  readonly workloads: readonly PlannedWorkload[];
}

/** An intent and the commit that it is of. */
export interface RunRevision {
  readonly commit: string;
  readonly intent: Intent;
}

/** One workload of this machine and how its application is started. */
export interface PlannedWorkload {
  readonly workload: Workload;
  /** That this is of. */
  readonly commit: string;
  /** Where the application must listen; undefined: wherever `PORT` says. */
  readonly declaredPort: number | undefined;
  /** Its `run:` names the port: it is never tried on another one. */
  readonly isPortFixed: boolean;
  readonly health: HealthCheck | undefined;
  readonly command: readonly string[];
  readonly env: ReadonlyMap<string, string>;
}

export const firstControlPlanePort = 15_010;
export const firstAgentPort = 15_011;
const firstEgressPort = 15_001;
const firstIngressPort = 15_101;
const firstSparePort = 15_201;
const lastPort = 15_999;

export const localHost = 'local';

/**
 * One workload per `run:` entry. Entry points come first, so that a mesh's front door has the well-known egress port.
 * `isFree` says whether a port may be handed out anew; ports in the book are kept.
 */
export function planHost(
  { commit, intent }: RunRevision,
  book: PortBook,
  isFree: (port: number) => boolean,
): HostPlan {
  const known = Object.values(book.workloads).flatMap((ports) => Object.values(ports));
  const taken = new Set([...known, book.controlPlanePort ?? 0, book.agentPort ?? 0]);
  for (const service of intent.services.values()) taken.add(service.port);
  const claim = (first: number): number => {
    for (let port = first; port <= lastPort; port += 1) {
      if (taken.has(port) || !isFree(port)) continue;
      taken.add(port);
      return port;
    }
    throw new Error(`no free port from ${first} to ${lastPort}`);
  };
  const controlPlanePort = book.controlPlanePort ?? claim(firstControlPlanePort);
  const agentPort = book.agentPort ?? claim(firstAgentPort);
  const workloads = byDepth(intent).flatMap((service) =>
    [...service.run].map(([version, run]) => {
      const id = workloadIdOf(service.name, version);
      const known = book.workloads[id];
      const declared = declaredPort(service, version);
      return {
        workload: {
          id,
          service: service.name,
          version,
          host: localHost,
          address: '127.0.0.1',
          egressPort: known?.egressPort ?? claim(firstEgressPort),
          ingressPort: known?.ingressPort ?? claim(firstIngressPort),
          appPort: declared ?? known?.appPort ?? claim(firstSparePort),
          state: 'unhealthy' as const,
        },
        commit,
        declaredPort: declared,
        isPortFixed: run.port !== undefined,
        health: service.health,
        command: run.command,
        env: run.env,
      };
    }),
  );
  return { controlPlanePort, agentPort, workloads };
}

/**
 * While a commit is on its way each workload is run as its side says. What is new is run as soon as it is among those ahead;
 * what leaves goes on until nothing is on its way, for until then some call it.
 */
export function planSides(
  { base, next, ahead }: Sides<RunRevision>,
  book: PortBook,
  isFree: (port: number) => boolean,
): HostPlan {
  const before = planHost(base, book, isFree);
  if (next === undefined) return before;
  const known = portBookOf(before);
  const workloads = { ...book.workloads, ...known.workloads };
  const after = planHost(next, { ...known, workloads }, isFree);
  const was = new Map(before.workloads.map((one) => [one.workload.id, one]));
  const is = new Map(after.workloads.map((one) => [one.workload.id, one]));
  const all = [...new Set([...is.keys(), ...was.keys()])].flatMap((id) => {
    return (ahead.has(id) ? (is.get(id) ?? was.get(id)) : was.get(id)) ?? [];
  });
  return { ...after, workloads: all };
}

/** A port for a process that is to run beside what is there. */
export function sparePort(isFree: (port: number) => boolean): number | undefined {
  for (let port = firstSparePort; port <= lastPort; port += 1) if (isFree(port)) return port;
  return undefined;
}

export function portBookOf({ controlPlanePort, agentPort, workloads }: HostPlan): PortBook {
  const ports = Object.fromEntries(
    workloads.map(({ workload: { id, egressPort, ingressPort, appPort } }) => [
      id,
      { egressPort, ingressPort, appPort },
    ]),
  );
  return { controlPlanePort, agentPort, workloads: ports };
}

/** Services with the longest way down the call graph first; equals by name. */
function byDepth(intent: Intent): Service[] {
  const depths = new Map<ServiceName, number>();
  const visit = (name: ServiceName): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    // A call cycle ends here: the service counts as a leaf while it is being visited.
    depths.set(name, 0);
    const depth = Math.max(0, ...calleesOf(intent, name).map((callee) => 1 + visit(callee)));
    depths.set(name, depth);
    return depth;
  };
  const services = [...intent.services.values()];
  for (const service of services) visit(service.name);
  return services.sort(
    (a, b) => (depths.get(b.name) ?? 0) - (depths.get(a.name) ?? 0) || (a.name < b.name ? -1 : 1),
  );
}
