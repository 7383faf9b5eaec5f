import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import { createMetrics, type Metrics } from '../../base/metrics.ts';
import type { Authority } from '../../identity/authority.ts';
import { isUsable } from '../../identity/ca-generation.ts';
import type { ApiUse } from '../../serve/api/guard.ts';
import type { ReadyReply } from '../../serve/api/operator-wire.ts';
import type { ApiReply, ApiRequest } from '../../serve/api/server.ts';
import { paths } from '../../serve/api/wire.ts';
import type { XdsService } from '../../serve/xds/service.ts';
import type { Store } from '../../store/store.ts';
import { goesOn } from '../carried-findings.ts';
import type { ControlPlane } from '../control-plane.ts';
import { missingCommit } from '../first-commit.ts';
import type { HostTroubles } from '../hosts/host-troubles.ts';
import type { HostRegistry } from '../hosts/registry.ts';
import type { Notices } from '../notices.ts';
import type { Fleet } from '../replicas/fleet.ts';
import type { Replica } from '../replicas/replica.ts';
import { type Probe, readiness } from './health.ts';
import { type MetricName, metricTable, noRoute } from './metric-table.ts';
import { meshEventCounter, processMetrics } from './self-metrics.ts';
import { storeWatch } from './store-problem.ts';
import { setXdsCounters } from './xds-metrics.ts';

/** What there is from the start. */
interface OperationsParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly registry: HostRegistry;
  readonly plane: ControlPlane;
  readonly xds: XdsService;
  readonly fleet: Fleet;
  readonly replica: Replica;
  readonly metrics: Metrics<MetricName>;
  /** What the mesh runs and this version cannot read. */
  readonly unread: () => readonly Finding[];
}

/** What there is once the CA is open. */
interface ServingParts {
  readonly authority: Authority;
  readonly notices: Notices;
  readonly hostTroubles: Pick<HostTroubles, 'hosts'>;
}

/** How the control plane itself is doing, for machines that watch it. */
export interface Operations {
  /** The doors are open. Undefined again: they close, and no new work is to come. */
  serving(parts: ServingParts | undefined): void;
  ready(): Promise<ReadyReply>;
  metricsText(): Promise<string>;
  readonly onUse: (use: ApiUse) => void;
  /** A call of nobody who is known, or of nothing that is there. */
  readonly onUnserved: (status: number) => void;
}

export function newMetrics(): Metrics<MetricName> {
  return createMetrics<MetricName>(metricTable);
}

export function createOperations(parts: OperationsParts): Operations {
  const { plane, metrics, store, clock } = parts;
  let late: ServingParts | undefined;
  const look = processMetrics(metrics, clock);
  plane.events.follow(meshEventCounter(metrics));
  const storeProblem = storeWatch(store, clock);
  const probes: Readonly<Record<string, Probe>> = {
    intent: () => {
      const { intent } = plane;
      return intent.kind === 'running' ? undefined : missingCommit(intent.refused, parts.unread());
    },
    store: async () => (await storeProblem())?.reason,
    ca: () => caProblem(late, clock.nowMs()),
    ports: () => (late === undefined ? 'the ports are not open yet, or close' : undefined),
  };
  const ready = () => readiness(probes);
  return {
    ready,
    serving: (given) => {
      late = given;
    },
    metricsText: async () => {
      look();
      setFleet(parts);
      setReplicas(parts);
      if (late !== undefined) setTrust(metrics, late, clock.nowMs());
      for (const { name, holds } of (await ready()).checks) {
        metrics.set('chancery_ready', holds ? 1 : 0, { check: name });
      }
      return metrics.text();
    },
    onUse: ({ route, status }) =>
      metrics.count('chancery_api_requests_total', {
        route: `${route.method} ${route.path}`,
        status: String(status),
      }),
    onUnserved: (status) =>
      metrics.count('chancery_api_requests_total', { route: noRoute, status: String(status) }),
  };
}

function caProblem(late: ServingParts | undefined, nowMs: number): string | undefined {
  if (late === undefined) return 'the CA is not open yet';
  return isUsable(late.authority.state.active, nowMs) ? undefined : 'the CA cannot sign now';
}

function setFleet({ metrics, plane, registry, xds, fleet, store }: OperationsParts): void {
  const statuses = [...xds.statuses().values()];
  const there = statuses.filter(({ streams }) => streams > 0);
  const inSync = there.filter(({ converged, rejected }) => converged && rejected.length === 0);
  const refusing = there.filter(({ rejected }) => rejected.length > 0);
  metrics.set(
    'chancery_xds_streams',
    statuses.reduce((sum, { streams }) => sum + streams, 0),
  );
  const proxies = (state: string, value: number): void =>
    metrics.set('chancery_xds_proxies', value, { state });
  proxies('in_sync', inSync.length);
  proxies('refusing', refusing.length);
  proxies('behind', there.length - inSync.length - refusing.length);
  proxies('away', plane.inventory.filter(({ id }) => !fleet.status(id).connected).length);
  setXdsCounters(metrics, xds.counters);
  const services = plane.intent.kind === 'running' ? plane.intent.intent.services.size : 0;
  metrics.set('chancery_intent_services', services);
  const carried = plane.carried.flatMap((commit) => commit.carried);
  const standing = carried.filter(goesOn).length;
  metrics.set('chancery_intent_carried_errors', standing, { part: 'as_written' });
  metrics.set('chancery_intent_carried_errors', carried.length - standing, { part: 'closed' });
  metrics.set('chancery_upgrade_held_proxies', plane.publisher.behind.length);
  const { all, active } = registry;
  const present = active.filter(({ name }) => fleet.watchers(name) > 0).length;
  metrics.set('chancery_hosts', present, { state: 'present' });
  metrics.set('chancery_hosts', active.length - present, { state: 'away' });
  metrics.set('chancery_hosts', all.length - active.length, { state: 'banned' });
  metrics.set('chancery_ledger_dropped_total', store.ledgerDropped);
}

function setReplicas({ metrics, replica }: OperationsParts): void {
  const { statuses, leadership, isLeading, feed } = replica;
  for (const state of ['serving', 'draining', 'silent'] as const) {
    const count = statuses.filter((one) => one.state === state).length;
    metrics.set('chancery_replicas', count, { state });
  }
  metrics.set('chancery_replica_leads', isLeading ? 1 : 0);
  metrics.set('chancery_replica_epoch', leadership.seenEpoch ?? 0);
  metrics.set('chancery_replica_feed_behind_seconds', feed.behindMs / 1_000);
}

function setTrust(
  metrics: Metrics<MetricName>,
  { authority, notices, hostTroubles }: ServingParts,
  nowMs: number,
): void {
  const { rootNotAfterMs, intermediate } = authority.state.active;
  metrics.set('chancery_ca_root_end_seconds', (rootNotAfterMs - nowMs) / 1_000);
  metrics.set('chancery_ca_intermediate_end_seconds', (intermediate.notAfterMs - nowMs) / 1_000);
  metrics.set('chancery_warnings', notices.current.length);
  for (const [kind, hosts] of hostTroubles.hosts)
    metrics.set('chancery_host_troubles', hosts, { kind });
}

/** Content type of the text format. */
const prometheusText = 'text/plain; version=0.0.4; charset=utf-8';

/** The same on every listener; undefined when the request is about something else. */
export async function operationsApi(
  operations: Operations,
  { method, path }: Pick<ApiRequest, 'method' | 'path'>,
): Promise<ApiReply | undefined> {
  // Load balancers look with HEAD, too.
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  // That it is answered says that the process runs and that its event loop turns.
  if (path === paths.live) return { kind: 'json', body: { alive: true } };
  if (path === paths.ready) {
    const body = await operations.ready();
    return { kind: 'json', body, status: body.ready ? 200 : 503 };
  }
  if (path !== paths.metrics) return undefined;
  return { kind: 'text', contentType: prometheusText, text: await operations.metricsText() };
}
