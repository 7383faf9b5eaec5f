import type { Clock } from '../../base/clock.ts';
import type { TrustNews } from '../../identity/authority.ts';
import { entriesFor } from '../../identity/entries.ts';
import { hostSelectors } from '../../identity/hosts/host-record.ts';
import type { TrustBundle } from '../../identity/trust.ts';
import type { ApiReply } from '../../serve/api/server.ts';
import type { AgentUpdate } from '../../serve/api/wire.ts';
import type { HostApiParts, HostCall } from './host-call.ts';

/** A host that slept, or heard late, hears soon what time it is. */
const tellTimeMs = 15_000;

type Entries = AgentUpdate & { readonly kind: 'entries' };

/** What one host is to know: trust, policy, and of the entries those that it may serve; first all, then what changes. */
export function watch(
  parts: Pick<HostApiParts, 'plane' | 'authority' | 'federation' | 'clock' | 'watches' | 'shadows'>,
  { record, notAfterMs }: Pick<HostCall, 'record' | 'notAfterMs'>,
): ApiReply {
  const { plane, clock, watches, shadows } = parts;
  const shown = hostSelectors(record);
  return {
    kind: 'stream',
    open: (send, end) => {
      let lastEntries = '';
      const tellTime = (): void => void send({ kind: 'time', nowMs: clock.nowMs() });
      const tell = (update: AgentUpdate): void => {
        // A grant in it ends by the clock of the control plane.
        if (update.kind === 'policy') tellTime();
        if (update.kind !== 'entries') return void send(update);
        const own = entriesOf(update, shown);
        const text = own === update ? '' : JSON.stringify(own);
        // A change of what other hosts serve is nothing to this one.
        if (text !== '' && text === lastEntries) return;
        lastEntries = text;
        send(own);
      };
      const unfollow = followTrust(parts, tell);
      const unsubscribe = plane.subscribe(record.name, tell);
      const unfollowShadow = shadows.follow(tell);
      // A stream ends with the certificate that it was opened with.
      const cancel = clock.after(Math.max(0, notAfterMs - clock.nowMs()), end);
      const ended = watches.opened(record.name, end);
      const cancelTime = every(clock, tellTimeMs, tellTime);
      return () => {
        ended();
        cancel();
        cancelTime();
        unsubscribe();
        unfollowShadow();
        unfollow();
      };
    },
  };
}

function every(clock: Clock, ms: number, run: () => void): () => void {
  let cancel = (): void => {};
  const plan = (): void => {
    cancel = clock.after(ms, () => {
      run();
      plan();
    });
  };
  plan();
  return () => cancel();
}

function entriesOf(update: Entries, shown: Parameters<typeof entriesFor>[1]): Entries {
  const entries = entriesFor(update.entries, shown);
  return entries === update.entries ? update : { kind: 'entries', entries };
}

function followTrust(
  { authority, federation }: Pick<HostApiParts, 'authority' | 'federation'>,
  tell: (update: AgentUpdate) => void,
): () => void {
  const tellTrust = (): void => tell(trustUpdate(authority.news, federation.bundles));
  tellTrust();
  const unfollow = authority.onTrust(tellTrust);
  const unfollowPeers = federation.onChange(tellTrust);
  return () => {
    unfollow();
    unfollowPeers();
  };
}

type TrustUpdate = AgentUpdate & { readonly kind: 'trust' };

/** One update for all hosts. */
const trustUpdates = new WeakMap<TrustNews, TrustUpdate>();

function trustUpdate(news: TrustNews, federated: readonly TrustBundle[]): TrustUpdate {
  const known = trustUpdates.get(news);
  if (known?.trust.federated === federated) return known;
  const { bundle, taintedIssuers } = news;
  const update: TrustUpdate = { kind: 'trust', trust: { own: bundle, federated }, taintedIssuers };
  trustUpdates.set(news, update);
  return update;
}
