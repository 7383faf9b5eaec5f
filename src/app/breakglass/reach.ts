import { type Clock, sleep } from '../../base/clock.ts';
import type { HostName } from '../../model/types.ts';
import type { GrantReach } from '../../serve/api/wire-breakglass.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { HostRegistry } from '../hosts/registry.ts';
import type { HostReports } from '../hosts/reports.ts';
import type { Fleet } from '../replicas/fleet.ts';

export interface ReachParts {
  readonly plane: ControlPlane;
  readonly registry: HostRegistry;
  readonly reports: HostReports;
  readonly fleet: Fleet;
  readonly clock: Clock;
}

/** Who waits for an answer is told then who is behind. Less than an order of another replica may take. */
const withinMs = 3_000;
const lookEveryMs = 20;
const shownMax = 20;

/** Resolves when every host that is there has what is granted now, or when it takes too long. `beganMs`: by the monotonic clock. */
export async function awaitReach(parts: ReachParts, beganMs: number): Promise<GrantReach> {
  const { registry, fleet, clock } = parts;
  const names = registry.active.map(({ name }) => name);
  const present = names.filter((name) => fleet.watchers(name) > 0);
  const away = names.filter((name) => fleet.watchers(name) === 0);
  let behind = behindOf(parts, present);
  while (behind.length > 0 && clock.monotonicMs() - beganMs < withinMs) {
    await sleep(clock, lookEveryMs);
    behind = behindOf(
      parts,
      behind.map(({ host }) => host),
    );
  }
  return {
    hosts: present.length,
    live: present.length - behind.length,
    tookMs: Math.round(clock.monotonicMs() - beganMs),
    behind: behind.slice(0, shownMax),
    away: away.slice(0, shownMax),
  };
}

interface Behind {
  readonly host: HostName;
  readonly why: string;
}

function behindOf(parts: ReachParts, hosts: readonly HostName[]): readonly Behind[] {
  return hosts.flatMap((host) => {
    const why = whyBehind(parts, host);
    return why === undefined ? [] : [{ host, why }];
  });
}

/** Its desk has confirmed the policy, and its proxies what they are to have. */
function whyBehind({ plane, reports, fleet }: ReachParts, host: HostName): string | undefined {
  const wanted = plane.policyVersion(host);
  const last = reports.last(host)?.report;
  if (wanted !== undefined && last?.policy !== wanted) {
    return last === undefined || last.policy !== undefined
      ? 'its desk has not confirmed the policy'
      : 'its agent does not say which policy it has; it is of an older version';
  }
  const proxy = plane.inventory
    .filter((one) => one.host === host)
    .map(({ id }) => ({ id, ...fleet.status(id) }))
    .find(({ converged }) => !converged);
  if (proxy === undefined) return undefined;
  return proxy.connected
    ? `the proxy of ${proxy.id} has not taken it`
    : `the proxy of ${proxy.id} is away`;
}
