import type { Clock } from '../base/clock.ts';
import type { Finding } from '../base/finding.ts';
import type { NewLedgerEntry } from '../base/ledger.ts';
import type { WorkloadId } from '../compile/inventory.ts';
import { type MadeAt, shortType } from '../compile/resource.ts';
import type { MeshEvent } from '../serve/api/wire.ts';
import type { XdsEvent } from '../serve/xds/events.ts';
import type { Store } from '../store/store.ts';
import type { ControlPlane } from './control-plane.ts';
import type { ProxyLedger } from './proxy-ledger.ts';

/** What proxies did, to the ledger and to whoever watches. */
export function xdsEventSink(options: {
  readonly plane: ControlPlane;
  readonly store: Store;
  readonly clock: Clock;
  readonly proxies: ProxyLedger;
  /** Whether a proxy goes on with an older version of something, since it refused the present one. */
  readonly refuses: (proxy: string) => boolean;
}): (event: XdsEvent) => void {
  const { plane, store, clock, proxies, refuses } = options;
  const tell = ({ finding, kind, subject, facts }: TroubleOfProxies): void => {
    plane.events.emit({ kind: 'problem', finding });
    store.record({ atMs: clock.nowMs(), kind, subject, facts });
  };
  return (event) => {
    switch (event.kind) {
      case 'connected':
      case 'disconnected':
        plane.events.emit({ kind: event.kind, proxy: event.proxy });
        proxies.linked(event);
        return;
      case 'nacked':
        plane.events.emit(refusalOf(event));
        proxies.refused(event);
        return;
      case 'acked':
        proxies.accepted(event);
        return;
      case 'dropped':
        proxies.dropped(event);
        return;
      case 'converged':
        if (!refuses(event.proxy)) plane.publisher.converged(event.proxy as WorkloadId);
        return;
      case 'stuck':
        // Told for as long as it lasts (`trouble.ts`).
        return;
      case 'opened':
        proxies.opened(event);
        return;
      case 'quarantined':
      case 'incomplete':
      case 'healed':
        tell(problemOf(event));
        return;
      case 'sent':
        proxies.sent(event);
        return;
    }
  };
}

interface TroubleOfProxies extends Pick<NewLedgerEntry, 'kind' | 'subject' | 'facts'> {
  readonly finding: Finding;
}

type Troubling = Extract<XdsEvent, { readonly kind: 'quarantined' | 'incomplete' | 'healed' }>;

function problemOf(event: Troubling): TroubleOfProxies {
  switch (event.kind) {
    case 'quarantined': {
      const { version, proxy } = event;
      const subject = `${shortType(event.type)} ${event.name}`;
      const message = `${subject} was refused by several proxies and goes to no other; they keep the last good one`;
      const finding: Finding = { code: 'CH5421', severity: 'error', message };
      return { finding, kind: event.kind, subject, facts: { version, proxy } };
    }
    case 'incomplete': {
      const types = event.types.map(shortType).join(', ');
      const message = `${event.proxy} did not ask for all it needs of ${types}; its stream was ended, so that it asks anew`;
      const finding: Finding = { code: 'CH5425', severity: 'error', message };
      return { finding, kind: event.kind, subject: event.proxy, facts: { types } };
    }
    case 'healed': {
      const [type, names] = [shortType(event.type), event.names.join(', ')];
      const message = `${event.proxy} never confirmed ${type} ${names}; sent again`;
      const finding: Finding = { code: 'CH5426', severity: 'warning', message };
      return { finding, kind: event.kind, subject: event.proxy, facts: { type, names } };
    }
  }
}

function refusalOf(event: Extract<XdsEvent, { readonly kind: 'nacked' }>): MeshEvent {
  const { proxy, message } = event;
  const resource = `${shortType(event.type)} ${event.names.join(', ')}`.trim();
  const from = event.from.map(({ part, ...at }: MadeAt) => at);
  return { kind: 'nacked', proxy, resource, message, from };
}
