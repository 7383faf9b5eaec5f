import type { Metrics } from '../../base/metrics.ts';
import { shortType } from '../../compile/resource.ts';
import type { XdsCounters } from '../../serve/xds/counters.ts';
import type { MetricName } from './metric-table.ts';

/** What the xDS service counted itself; its events are counted as they come (`countXdsEvent`). */
export function setXdsCounters(metrics: Metrics<MetricName>, counters: XdsCounters): void {
  const { types, unknownType, staleNonce, incomplete, slowReaders, drained } = counters;
  for (const [type, { bytes }] of types) {
    metrics.set('chancery_xds_sent_bytes_total', bytes, { type: shortType(type) });
  }
  metrics.set('chancery_xds_idle_pushes_total', counters.pushesWithoutEffect);
  metrics.set('chancery_xds_streams_opened_total', counters.streamsOpened);
  const ended = { incomplete, slowReader: slowReaders, drained };
  for (const [reason, count] of Object.entries(ended)) {
    metrics.set('chancery_xds_streams_ended_total', count, { reason });
  }
  metrics.set('chancery_xds_healed_total', counters.healed);
  metrics.set('chancery_xds_forgotten_names_total', counters.forgottenNames);
  metrics.set('chancery_xds_behind_seconds', counters.dirtyAgeMs / 1_000);
  metrics.set('chancery_xds_ignored_total', unknownType, { reason: 'unknownType' });
  metrics.set('chancery_xds_ignored_total', staleNonce, { reason: 'staleNonce' });
}
