import type { Clock } from '../base/clock.ts';
import type { Store } from '../store/store.ts';
import { type FederationApiParts, federationReply } from './federation/federation-api.ts';
import { recordFederation } from './federation/federation-history.ts';
import { type HostReplyParts, hostReplies } from './hosts/admin-api.ts';
import { HostHistory } from './hosts/host-history.ts';
import type { Replica } from './replicas/replica.ts';

/** While this replica leads: what else would be known of the present only. */
export function recordPast(
  parts: HostReplyParts &
    FederationApiParts & {
      readonly store: Pick<Store, 'record'>;
      readonly clock: Clock;
      readonly replica: Pick<Replica, 'role'>;
    },
): void {
  const { store, clock, authority, replica } = parts;
  const subject = authority.trustDomain;
  const look = () => hostReplies(parts);
  void replica.role.add(new HostHistory({ store, clock, subject, look }));
  void replica.role.add(recordFederation({ store, clock, look: () => federationReply(parts) }));
}
