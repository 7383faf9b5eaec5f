import type { Clock } from '../base/clock.ts';
import type { LedgerKind } from '../base/ledger.ts';
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
  const record = (
    kind: LedgerKind,
    subject: string,
    facts: Record<string, string | number>,
  ): void => store.record({ atMs: clock.nowMs(), kind, subject, facts });
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
      case 'converged':
        if (!refuses(event.proxy)) plane.publisher.converged(event.proxy as WorkloadId);
        return;
      case 'stuck':
        // Told for as long as it lasts (`trouble.ts`).
        return;
      case 'quarantined': {
        const resource = `${shortType(event.type)} ${event.name}`;
        const message = `${resource} was refused by several proxies and goes to no other; they keep the last good one`;
        const finding = { code: 'CH5421' as const, severity: 'error' as const, message };
        plane.events.emit({ kind: 'problem', finding });
        record('quarantined', resource, { version: event.version, proxy: event.proxy });
        return;
      }
      case 'opened':
        proxies.opened(event);
        return;
      case 'incomplete': {
        const types = event.types.map(shortType).join(', ');
        const message = `${event.proxy} did not ask for all it needs of ${types}; its stream was ended, so that it asks anew`;
        const finding = { code: 'CH5425' as const, severity: 'error' as const, message };
        plane.events.emit({ kind: 'problem', finding });
        record('incomplete', event.proxy, { types });
        return;
      }
      case 'healed': {
        const names = event.names.join(', ');
        const message = `${event.proxy} never confirmed ${shortType(event.type)} ${names}; sent again`;
        const finding = { code: 'CH5426' as const, severity: 'warning' as const, message };
        plane.events.emit({ kind: 'problem', finding });
        record('healed', event.proxy, { type: shortType(event.type), names });
        return;
      }
      case 'sent':
        proxies.sent(event);
        return;
    }
  };
}

function refusalOf(event: Extract<XdsEvent, { readonly kind: 'nacked' }>): MeshEvent {
  const { proxy, message } = event;
  const resource = `${shortType(event.type)} ${event.names.join(', ')}`.trim();
  const from = event.from.map(({ part, ...at }: MadeAt) => at);
  return { kind: 'nacked', proxy, resource, message, from };
}
