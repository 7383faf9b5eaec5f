import type { Selector, ServiceName } from '../model/types.ts';
import type { SpiffeId } from './spiffe-id.ts';

/**
 * An identity and what a process must show to get it: all selectors must hold. JSON as it is: the control plane pushes
 * the entries of a mesh to its agents.
 */
export interface IdentityEntry {
  readonly spiffeId: SpiffeId;
  readonly service: ServiceName;
  /** Never empty: a service without selectors has no entry (it is known by its own socket only). */
  readonly selectors: readonly Selector[];
  /** What the host must show besides; any host when empty. */
  readonly hostSelectors: readonly Selector[];
  readonly ttlSeconds: number;
}
