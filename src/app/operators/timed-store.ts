import type { Clock } from '../../base/clock.ts';
import { ChanceryError } from '../../base/error.ts';
import type { NewLedgerEntry } from '../../base/ledger.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Store } from '../../store/store.ts';
import { type MetricName, timedOperations } from './metric-table.ts';

const timed: readonly PropertyKey[] = timedOperations;
const failures = new WeakSet<object>();

/** Thrown by the store, so nobody's mistake and no fault of ours. */
export function isOfStore(error: unknown): boolean {
  return typeof error === 'object' && error !== null && failures.has(error);
}

/** The same store, with what its calls took and what was recorded counted. */
export function timedStore(store: Store, metrics: Metrics<MetricName>, clock: Clock): Store {
  return new Proxy(store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      // Private fields are of the store itself, not of what stands before it.
      const run = value.bind(target) as (...args: readonly unknown[]) => unknown;
      if (key === 'record') return counted(run, metrics);
      return timed.includes(key) ? measured(String(key), run, metrics, clock) : run;
    },
  });
}

function counted(
  run: (...args: readonly unknown[]) => unknown,
  metrics: Metrics<MetricName>,
): (entry: NewLedgerEntry) => unknown {
  return (entry) => {
    metrics.count('chancery_store_records_total', { kind: entry.kind });
    return run(entry);
  };
}

function measured(
  operation: string,
  run: (...args: readonly unknown[]) => unknown,
  metrics: Metrics<MetricName>,
  clock: Clock,
): (...args: readonly unknown[]) => Promise<unknown> {
  return async (...args) => {
    const startedMs = clock.monotonicMs();
    try {
      return await run(...args);
    } catch (error) {
      metrics.count('chancery_store_errors_total', { operation });
      // What another one leads is told of as such.
      if (error instanceof Error && !(error instanceof ChanceryError)) failures.add(error);
      throw error;
    } finally {
      const tookMs = clock.monotonicMs() - startedMs;
      metrics.observe('chancery_store_seconds', tookMs / 1_000, { operation });
    }
  };
}
