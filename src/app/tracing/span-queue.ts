import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';

/** Some fifty traces of twenty spans: what a receiver that restarts may miss. */
export const spansMax = 1_024;

/** What becomes of spans; `problem` is undefined once they are taken again. */
export interface SpanLosses {
  lost(spans: number, why: 'queue' | 'export'): void;
  exporting(problem: string | undefined): void;
}

/** Tells how each export ended, and of how many spans. */
function watchedExporter(
  exporter: SpanExporter,
  losses: SpanLosses,
  onDone: (spans: number) => void,
): SpanExporter {
  return {
    export: (spans, callback) => {
      exporter.export(spans, (result) => {
        onDone(spans.length);
        if (result.code === 0) losses.exporting(undefined);
        else {
          losses.lost(spans.length, 'export');
          losses.exporting(result.error?.message ?? 'it was not said why');
        }
        callback(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

/**
 * In front of the batching processor, which drops what finds no room without telling anybody: it is counted here, with
 * what is on its way to the receiver. `batching` makes that processor over an exporter.
 */
export function boundedProcessor(
  exporter: SpanExporter,
  losses: SpanLosses,
  batching: (exporter: SpanExporter) => SpanProcessor,
): SpanProcessor {
  let waiting = 0;
  const inner = batching(
    watchedExporter(exporter, losses, (spans) => {
      waiting -= spans;
    }),
  );
  return {
    onStart: (span, context) => inner.onStart(span, context),
    onEnd: (span: ReadableSpan) => {
      if (waiting >= spansMax) {
        losses.lost(1, 'queue');
        return;
      }
      waiting += 1;
      inner.onEnd(span);
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  };
}
