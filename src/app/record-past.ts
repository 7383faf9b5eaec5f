import type { Clock } from '../base/clock.ts';
import type { Store } from '../store/store.ts';
import { type FederationApiParts, federationReply } from './federation/federation-api.ts';
import { recordFederation } from './federation/federation-history.ts';
import { type HostReplyParts, hostReplies } from './hosts/admin-api.ts';
import { HostHistory } from './hosts/host-history.ts';
import type { Replica } from './replicas/replica.ts';

interface RecordParts {
  readonly store: Pick<Store, 'record'>;
  readonly clock: Clock;
}

/** While this replica leads: what else would be known of the present only. */
export function recordPast(
  parts: HostReplyParts &
    FederationApiParts &
    RecordParts & { readonly replica: Pick<Replica, 'role'> },
): void {
  const { store, clock, authority, replica } = parts;
  void replica.role.add(recordHosts(parts, authority.trustDomain));
  void replica.role.add(recordFederation({ store, clock, look: () => federationReply(parts) }));
}

/** Hears of everything that a reply about a host is made of. */
export function recordHosts(parts: HostReplyParts & RecordParts, trustDomain: string): HostHistory {
  const { store, clock, registry, reports, fleet } = parts;
  const look = (names?: ReadonlySet<string>) => hostReplies(parts, names);
  const history = new HostHistory({ store, clock, subject: trustDomain, look });
  const changed = (host: string): void => history.changed(host);
  registry.onChange(changed);
  reports.onChange(changed);
  fleet.onWatch(changed);
  return history;
}
