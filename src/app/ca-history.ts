import type { Clock } from '../base/clock.ts';
import type { Authority } from '../identity/authority.ts';
import type { ApiReply } from '../serve/api/server.ts';
import type { Store } from '../store/store.ts';
import { caReply } from './ca-reply.ts';
import { stateAt } from './state-at.ts';

const stateKind = 'ca-state';

/** Notes what the CA is now and after each step, so that it can be asked for later. No key is in it. */
export function recordCa(parts: {
  readonly authority: Authority;
  readonly store: Pick<Store, 'record'>;
  readonly clock: Clock;
  /** One of the replicas notes it. */
  readonly isLeading: () => boolean;
}): () => void {
  const { authority, store, clock, isLeading } = parts;
  const note = (): void => {
    if (!isLeading()) return;
    const state = { ...authority.state, request: undefined };
    const reply = caReply(state, { waitingFor: [], upstream: undefined, warnings: [] });
    const facts = { state: JSON.stringify(reply) };
    store.record({ atMs: clock.nowMs(), kind: stateKind, subject: authority.trustDomain, facts });
  };
  note();
  return authority.onTrust(note);
}

/** What the CA was at a time; whom a step waited for, and warnings, are not recorded. */
export function caAt(store: Pick<Store, 'ledger'>, atMs: number): Promise<ApiReply> {
  return stateAt(store, { kind: stateKind, of: 'the CA', atMs });
}
