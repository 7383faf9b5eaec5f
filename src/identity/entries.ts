import type { Intent, Mesh, Selector, Service } from '../model/types.ts';
import type { IdentityEntry } from './entry.ts';
import { hostFits } from './hosts/host-record.ts';
import { workloadId } from './spiffe-id.ts';

/** The entries of a mesh: one for each service that says what a process must show. */
export function identityEntries(intent: Intent): readonly IdentityEntry[] {
  return [...intent.services.values()].flatMap((service) => entryOf(intent.mesh, service) ?? []);
}

/** A service never changes: its entry is the same object for as long as the mesh says the same. */
const entries = new WeakMap<Service, IdentityEntry>();

function entryOf({ trustDomain, defaults }: Mesh, service: Service): IdentityEntry | undefined {
  const { selectors, hostSelectors } = service.identity;
  if (selectors.length === 0) return undefined;
  const spiffeId = workloadId(trustDomain, service.name);
  const ttlSeconds = defaults.svidTtlSeconds;
  const known = entries.get(service);
  if (known?.spiffeId === spiffeId && known.ttlSeconds === ttlSeconds) return known;
  const entry = { spiffeId, service: service.name, selectors, hostSelectors, ttlSeconds };
  entries.set(service, entry);
  return entry;
}

/** Whether both say the same; mostly the same objects. */
export function sameEntries(
  before: readonly IdentityEntry[],
  after: readonly IdentityEntry[],
): boolean {
  if (before.length !== after.length) return false;
  return before.every((one, index) => {
    const other = after[index];
    return one === other || JSON.stringify(one) === JSON.stringify(other);
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
