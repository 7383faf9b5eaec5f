import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../../base/clock.ts';
import type { Metrics } from '../../base/metrics.ts';
import { shortType } from '../../compile/resource.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import type { MeshEvent } from '../../serve/api/wire.ts';
import type { XdsEvent } from '../../serve/xds/events.ts';
import { ownVersion } from '../version.ts';
import type { MetricName, rolloutOutcomes } from './metric-table.ts';

type SelfMetrics = Metrics<MetricName>;

const loopResolutionMs = 20;

/** What the process is like, set at each reading. */
export function processMetrics(metrics: SelfMetrics, clock: Clock): () => void {
  const delay = monitorEventLoopDelay({ resolution: loopResolutionMs });
  delay.enable();
  const startedMs = clock.nowMs() - process.uptime() * 1_000;
  metrics.set('chancery_start_time_seconds', startedMs / 1_000);
  metrics.set('chancery_build_info', 1, { version: ownVersion() });
  const lag = 'chancery_event_loop_lag_seconds';
  return () => {
    // The monitor counts its own resolution in.
    const over = (nanoseconds: number): number =>
      Math.max(
        0,
        (Number.isFinite(nanoseconds) ? nanoseconds : 0) / 1e9 - loopResolutionMs / 1_000,
      );
    metrics.set(lag, over(delay.percentile(50)), { quantile: '0.5' });
    metrics.set(lag, over(delay.percentile(99)), { quantile: '0.99' });
    metrics.set(lag, over(delay.max), { quantile: '1' });
    delay.reset();
    const { rss, heapUsed, external } = process.memoryUsage();
    metrics.set('chancery_memory_bytes', rss, { kind: 'resident' });
    metrics.set('chancery_memory_bytes', heapUsed, { kind: 'heap' });
    metrics.set('chancery_memory_bytes', external, { kind: 'external' });
    setOpenFiles(metrics);
    const { user, system } = process.cpuUsage();
    metrics.set('chancery_cpu_seconds_total', (user + system) / 1e6);
  };
}

/** Where the kernel tells; without one that is left it does not. */
function setOpenFiles(metrics: SelfMetrics): void {
  try {
    metrics.set('chancery_open_files', readdirSync('/proc/self/fd').length);
    const [, most] =
      /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    if (most !== undefined) metrics.set('chancery_open_files_max', Number(most));
  } catch {}
}

export function countXdsEvent(metrics: SelfMetrics, event: XdsEvent): void {
  switch (event.kind) {
    case 'sent': {
      const type = shortType(event.type);
      metrics.count('chancery_xds_pushes_total', { type });
      metrics.count('chancery_xds_resources_sent_total', { type }, event.resources.length);
      return;
    }
    case 'acked':
      metrics.observe('chancery_xds_ack_seconds', event.tookMs / 1_000, {
        type: shortType(event.type),
      });
      return;
    case 'nacked':
      metrics.count('chancery_xds_nacks_total', { type: shortType(event.type) });
      return;
    case 'quarantined':
      metrics.count('chancery_xds_quarantined_total', { type: shortType(event.type) });
      return;
    case 'stuck':
      metrics.count('chancery_xds_stuck_total', { type: shortType(event.type) });
      return;
    case 'converged':
      metrics.observe('chancery_xds_converged_seconds', event.tookMs / 1_000);
      return;
    case 'connected':
    case 'disconnected':
      return;
  }
}

/** Counts what becomes of commits. That a commit was taken back is said again when the branch follows. */
export function meshEventCounter(metrics: SelfMetrics): (event: MeshEvent) => void {
  let counted = '';
  return (event) => {
    switch (event.kind) {
      case 'accepted':
      case 'refused':
        metrics.count('chancery_intent_commits_total', { verdict: event.kind });
        return;
      case 'rollout': {
        const { commit, state } = event.rollout;
        const outcome = outcomeOf(state);
        const what = `${commit} ${outcome}`;
        if (outcome === undefined || counted === what) return;
        counted = what;
        metrics.count('chancery_intent_rollouts_total', { outcome });
        return;
      }
      default:
    }
  };
}

function outcomeOf({ kind }: Rollout['state']): (typeof rolloutOutcomes)[number] | undefined {
  if (kind === 'live') return 'live';
  return kind === 'taken-back' ? 'taken_back' : undefined;
}
