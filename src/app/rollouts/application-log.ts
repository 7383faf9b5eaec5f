import type { WorkloadId } from '../../compile/inventory.ts';
import type { ApplicationStanding } from '../../rollout/application.ts';

/** How the applications stand of hosts that start them; a host that only has proxies tells nothing. */
export class ApplicationLog {
  #hosts = new Map<string, readonly ApplicationStanding[]>();

  take(host: string, standings: readonly ApplicationStanding[]): void {
    if (standings.length === 0) this.#hosts.delete(host);
    else this.#hosts.set(host, standings);
  }

  /** Undefined: nobody who is here starts it. */
  of(workload: WorkloadId): ApplicationStanding | undefined {
    for (const standings of this.#hosts.values()) {
      const found = standings.find((one) => one.workload === workload);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether a host is here that starts what is new. */
  get hasHosts(): boolean {
    return this.#hosts.size > 0;
  }
}
