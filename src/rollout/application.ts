import type { WorkloadId } from '../compile/inventory.ts';

/**
 * How an application stands to the command that a commit gives it. `starting`: what ran before still serves. `restarting`:
 * nothing serves. `running`: it passes its health check. `failed`: it ended, or does not pass it in time.
 */
export type ApplicationState =
  | { readonly kind: 'starting' | 'restarting' | 'running' }
  | { readonly kind: 'failed'; readonly reason: string };

/** As the host that runs it tells. */
export interface ApplicationStanding {
  readonly workload: WorkloadId;
  /** The commit that `state` is about. */
  readonly commit: string;
  readonly state: ApplicationState;
}
