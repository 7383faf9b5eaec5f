import type { Clock } from '../base/clock.ts';
import { tellingClock } from '../base/clock-watch.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { refusedFrom } from '../compile/refused-parts.ts';
import type { Compile } from '../compile/revision.ts';
import { XdsService } from '../serve/xds/service.ts';
import type { Store } from '../store/store.ts';
import { openBreakglass } from './breakglass/open-breakglass.ts';
import { recordCommits } from './commit-ledger.ts';
import { ControlPlane } from './control-plane.ts';
import { logMeshEvent } from './event-log.ts';
import type { Gate } from './gate/candidate.ts';
import { openGate } from './gate/open-gate.ts';
import type { HostRegistry } from './hosts/registry.ts';
import { reportKind, storedInventory } from './hosts/reports.ts';
import type { IntentSource } from './intent-source.ts';
import { MemoryReturn, mallocTrim } from './memory-return.ts';
import type { MetricName } from './operators/metric-table.ts';
import { countXdsEvent } from './operators/self-metrics.ts';
import { proxyAuthorizer } from './proxy-authority.ts';
import { ProxyLedger } from './proxy-ledger.ts';
import { openRevisions, type Revisions } from './replicas/open-revisions.ts';
import type { Replica } from './replicas/replica.ts';
import { SharedSignals } from './replicas/shared-signals.ts';
import { SignalLog } from './rollouts/signal-log.ts';
import type { Tracing } from './tracing/tracing.ts';
import { Trouble } from './trouble.ts';
import { judgeUpgrade } from './upgrade/judge-upgrade.ts';
import { xdsEventSink } from './xds-events.ts';

interface PlaneParts {
  readonly store: Store;
  readonly registry: HostRegistry;
  readonly replica: Replica;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics<MetricName>;
  readonly tracing: Tracing;
  readonly watchMs: () => number;
  readonly takeBack: IntentSource['takeBack'];
  /** In place of the real Envoy, where nothing of it is to be looked for. */
  readonly envoy?: Gate;
  /** In place of this version's, and its name. */
  readonly compile?: Compile;
  readonly version?: string;
}

/** What proxies are told, and who hears of what they do; not yet of any intent. */
export async function openPlane(parts: PlaneParts) {
  const { store, registry, replica, clock, log, metrics, tracing } = parts;
  let start = (): void => {};
  const ready = new Promise<void>((resolve) => {
    start = resolve;
  });
  const memory = new MemoryReturn({ clock, trim: mallocTrim() });
  const trouble: Trouble = new Trouble({ store, clock, status: (proxy) => xds.status(proxy) });
  const xds: XdsService = new XdsService({
    refusedFrom,
    clock,
    authorize: proxyAuthorizer({
      workload: (id) => plane.workload(id),
      intent: () => plane.intent,
      host: (name) => registry.get(name),
    }),
    onEvent: (event) => {
      if (event.kind === 'connected' || event.kind === 'disconnected') memory.moved();
      else if (event.kind === 'acked') memory.stirred();
      countXdsEvent(metrics, event);
      trouble.follow(event);
      if (event.kind === 'converged') tracing.converged(event.proxy);
      onXdsEvent(event);
      revisions.fleet.moved();
    },
  });
  const proxies = new ProxyLedger({ store, clock });
  const reports = await store.list(reportKind);
  const plane: ControlPlane = new ControlPlane({
    clock,
    onAccepting: () => revisions.rollouts.concede(),
    onAccepted: (accepted) => revisions.accepted(accepted),
    onStayed: (commit) => revisions.rollouts.stayed(commit),
    sink: proxies.sink(xds),
    inventory: storedInventory(reports),
    compile: parts.compile,
    onReady: start,
  });
  const refuses = (proxy: string): boolean => xds.status(proxy).rejected.length > 0;
  const onXdsEvent = xdsEventSink({ plane, store, clock, proxies, refuses });
  plane.events.follow((event) => tracing.onEvent(event));
  plane.events.follow((event) => logMeshEvent(log, event));
  recordCommits(plane, { store, clock, isLeading: () => replica.isLeading });
  const counted = new SignalLog();
  const counting = tellingClock(clock);
  counting.onJump((jumpedMs) => counted.moveBy(jumpedMs));
  const revisions: Revisions = openRevisions({
    ...{ ...parts, plane, xds, signals: counted, clock: counting },
    read: (tree) => gate.gatekeeper.read(tree),
    judge: () => judgeUpgrade(plane, gate.gates),
  });
  // Before the first commit: what is granted is in the first snapshot, too.
  const breakglass = await openBreakglass({
    ...{ ...parts, plane },
    onChange: () => revisions.fleet.moved(),
  });
  const gate = await openGate({
    ...{ ...parts, plane },
    keep: (tree) => revisions.keep(tree),
    isUnread: (commit) => revisions.follower.isUnread(commit),
  });
  const signals = new SharedSignals({
    store,
    clock: counting,
    signals: counted,
    replica: replica.id,
  });
  return { plane, xds, ready, signals, revisions, proxies, gate, trouble, breakglass };
}
