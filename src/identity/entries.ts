import type { Intent, Selector } from '../model/types.ts';
import type { IdentityEntry } from './entry.ts';
import { hostFits } from './hosts/host-record.ts';
import { workloadId } from './spiffe-id.ts';

/** The entries of a mesh: one for each service that says what a process must show. */
export function identityEntries(intent: Intent): readonly IdentityEntry[] {
  const { trustDomain, defaults } = intent.mesh;
  return [...intent.services.values()].flatMap((service) => {
    const { selectors, hostSelectors } = service.identity;
    if (selectors.length === 0) return [];
    return [
      {
        spiffeId: workloadId(trustDomain, service.name),
        service: service.name,
        selectors,
        hostSelectors,
        ttlSeconds: defaults.svidTtlSeconds,
      },
    ];
  });
}

/** What a host may know of and serve. The same list for every host where no service asks for anything of its host. */
export function entriesFor(
  entries: readonly IdentityEntry[],
  shown: readonly Selector[],
): readonly IdentityEntry[] {
  return entries.every(({ hostSelectors }) => hostSelectors.length === 0)
    ? entries
    : entries.filter(({ hostSelectors }) => hostFits(hostSelectors, shown));
}
