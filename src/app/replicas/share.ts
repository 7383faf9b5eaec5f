import type { Authority } from '../../identity/authority.ts';
import { caStateId, sealedKind } from '../../identity/ca-store.ts';
import type { CaController } from '../ca-controller.ts';
import type { Federation } from '../federation/federation.ts';
import { peerKind } from '../federation/peer-store.ts';
import { type HostReports, reportKind } from '../hosts/reports.ts';
import type { Replica } from './replica.ts';
import { type SharedSignals, signalsKind } from './shared-signals.ts';

/** What follows the leader once the CA is open, and what begins when this replica leads. Resolves when it has begun. */
export async function shareReplica(parts: {
  readonly replica: Replica;
  readonly reports: HostReports;
  readonly signals: SharedSignals;
  readonly authority: Authority;
  readonly ca: CaController;
  readonly federation: Federation;
}): Promise<void> {
  const { replica, reports, signals, authority, ca, federation } = parts;
  const { feed, role } = replica;
  feed.follow(reportKind, [], (changes) => reports.follow(changes));
  feed.follow(signalsKind, [], (changes) => signals.take(changes));
  feed.follow(peerKind, [], () => federation.reload());
  feed.follow(sealedKind, [], async (changes) => {
    if (changes.some(({ id }) => id === caStateId)) await authority.refresh();
  });
  feed.compare();
  void role.add({ lead: () => ca.start(), follow: () => ca.stop() });
  await role.add({ lead: () => federation.changed(), follow: () => federation.changed() });
}
