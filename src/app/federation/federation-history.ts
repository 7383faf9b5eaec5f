import type { Clock } from '../../base/clock.ts';
import type { ApiReply } from '../../serve/api/server.ts';
import type { FederationReply } from '../../serve/api/wire.ts';
import type { Store } from '../../store/store.ts';
import type { LeaderPart } from '../replicas/role.ts';
import { stateAt } from '../state-at.ts';

const stateKind = 'federation-state';
/** A partner is polled ten times less often at most. */
const lookEveryMs = 1_000;

interface FederationHistoryParts {
  readonly store: Pick<Store, 'record'>;
  readonly clock: Clock;
  readonly look: () => FederationReply;
}

/** Notes the bundles, the own and those of peers, and whether they are fresh, so that it can be asked for later. */
export function recordFederation({ store, clock, look }: FederationHistoryParts): LeaderPart {
  let [noted, cancel] = ['', (): void => {}];
  const note = (): void => {
    const reply = lasting(look());
    const state = JSON.stringify(reply);
    if (state !== noted) {
      const subject = reply.trustDomain;
      store.record({ atMs: clock.nowMs(), kind: stateKind, subject, facts: { state } });
    }
    noted = state;
    cancel = clock.after(lookEveryMs, note);
  };
  const follow = (): void => {
    cancel();
    noted = '';
  };
  return { lead: note, follow };
}

/** Without when a bundle was fetched last and will be next, which changes all the time. */
function lasting(reply: FederationReply): FederationReply {
  const peers = reply.peers.map((peer) => ({ ...peer, fetchedMs: undefined, nextMs: undefined }));
  return { ...reply, peers };
}

/** What was believed at a time. */
export function federationAt(store: Pick<Store, 'ledger'>, atMs: number): Promise<ApiReply> {
  return stateAt(store, { kind: stateKind, of: 'the federation', atMs });
}
