import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { boundedProcessor, spansMax } from './span-queue.ts';

it('what waits for a receiver that never answers is bounded, and what is dropped is counted', () => {
  const stuck: SpanExporter = { export: () => {}, shutdown: async () => {} };
  let dropped = 0;
  const losses = {
    exporting: () => {},
    lost: (spans: number, why: string) => {
      assert.equal(why, 'queue');
      dropped += spans;
    },
  };
  const processor = boundedProcessor(
    stuck,
    losses,
    (exporter) =>
      new BatchSpanProcessor({ exporter, maxQueueSize: spansMax, exportTimeoutMillis: 10 }),
  );
  const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer('test');
  for (let count = 0; count < spansMax + 7; count += 1) tracer.startSpan('one').end();
  assert.equal(dropped, 7);
});
