import type { Intent } from '../model/types.ts';
import type { IdentityEntry } from './entry.ts';
import { workloadId } from './spiffe-id.ts';

/** The entries of a mesh: one for each service that says what a process must show. */
export function identityEntries(intent: Intent): readonly IdentityEntry[] {
  const { trustDomain, defaults } = intent.mesh;
  return [...intent.services.values()].flatMap((service) => {
    const selectors = service.identity?.selectors ?? [];
    if (selectors.length === 0) return [];
    return [
      {
        spiffeId: workloadId(trustDomain, service.name),
        service: service.name,
        selectors,
        ttlSeconds: defaults.svidTtlSeconds,
      },
    ];
  });
}
