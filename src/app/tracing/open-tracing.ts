import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';
import { findingFields, type Log } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { MetricName } from '../operators/metric-table.ts';
import type { SpanLosses } from './span-queue.ts';
import { tracedLog } from './traced-log.ts';
import { noTracing, type Tracing } from './tracing.ts';

interface TracingParts {
  /** Where traces go; what OTEL_EXPORTER_OTLP_… says when left out. */
  readonly endpoint: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics<MetricName>, 'count'>;
}

/** Traces are sent when this many wait, or this long after they came. */
const batchSpans = 256;
const batchMs = 1_000;
/** How long it is tried, unless the environment says otherwise; an end of the process waits for it. */
const exportMs = 3_000;
const exportTimeouts = ['OTEL_EXPORTER_OTLP_TIMEOUT', 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'];

/** What traces commits as the options ask, and the same options with a log that names the trace of a commit. */
export async function withTracing<
  Options extends { readonly otlpEndpoint: string | undefined; readonly log: Log },
>(
  options: Options,
  parts: Omit<TracingParts, 'endpoint' | 'log'>,
): Promise<{ readonly options: Options; readonly tracing: Tracing }> {
  const { otlpEndpoint: endpoint, log } = options;
  const tracing = await openTracing({ ...parts, endpoint, log });
  return { options: { ...options, log: tracedLog(log, tracing) }, tracing };
}

/** The libraries are loaded only where somebody takes traces: they cost 0.15 s of a start. */
export async function openTracing(parts: TracingParts): Promise<Tracing> {
  const { endpoint, env } = parts;
  if (!isAskedFor(endpoint, env)) return noTracing;
  const losses = new Losses(parts);
  try {
    return await startTracing(parts, losses);
  } catch (error) {
    // Such as an address that is none: traces are no reason not to start.
    losses.exporting(messageOf(error));
    return { ...noTracing, findings: losses.findings };
  }
}

function isAskedFor(endpoint: string | undefined, env: NodeJS.ProcessEnv): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  if (env['OTEL_TRACES_EXPORTER'] === 'none') return false;
  const named = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  return [endpoint, ...named.map((name) => env[name])].some((value) => (value ?? '') !== '');
}

async function startTracing(parts: TracingParts, losses: Losses): Promise<Tracing> {
  const { endpoint, env, clock } = parts;
  const [{ BatchSpanProcessor, TracerProvider }, { OTLPTraceExporter }, resources] =
    await Promise.all([
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('@opentelemetry/resources'),
    ]);
  const { CommitTraces } = await import('./commit-traces.ts');
  const { boundedProcessor, spansMax } = await import('./span-queue.ts');
  const exporter = new OTLPTraceExporter({
    ...(endpoint === undefined ? {} : { url: urlOf(endpoint) }),
    ...(exportTimeouts.some((name) => env[name] !== undefined) ? {} : { timeoutMillis: exportMs }),
  });
  const processor = boundedProcessor(
    exporter,
    losses,
    (watched) =>
      new BatchSpanProcessor({
        exporter: watched,
        maxQueueSize: spansMax,
        maxExportBatchSize: batchSpans,
        scheduledDelayMillis: batchMs,
      }),
  );
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = resources;
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'chancery' }))
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new TracerProvider({ resource, spanProcessors: [processor] });
  const traces = new CommitTraces(provider.getTracer('chancery'), clock);
  return {
    begin: (reading, arrival) => traces.begin(reading, arrival),
    traceIdOf: (commit) => traces.traceIdOf(commit),
    onEvent: (event) => traces.onEvent(event),
    converged: (proxy) => traces.converged(proxy),
    get findings() {
      return losses.findings;
    },
    stop: async () => {
      traces.interrupt();
      // What it could not send is counted already.
      await provider.shutdown().catch(() => {});
    },
  };
}

/** The path of the signal is added as OTEL_EXPORTER_OTLP_ENDPOINT has it. */
function urlOf(endpoint: string): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.href;
}

/** Counts what is lost, and says once that it is and once that it is no more. */
class Losses implements SpanLosses {
  readonly #parts: TracingParts;
  #problem: string | undefined;

  constructor(parts: TracingParts) {
    this.#parts = parts;
  }

  get findings(): readonly Finding[] {
    return this.#problem === undefined ? [] : [notExported(this.#problem)];
  }

  lost(spans: number, why: 'queue' | 'export'): void {
    this.#parts.metrics.count('chancery_trace_spans_lost_total', { reason: why }, spans);
  }

  exporting(problem: string | undefined): void {
    const { log } = this.#parts;
    const before = this.#problem;
    if (before === undefined && problem !== undefined) {
      const finding = notExported(problem);
      log.warn('traces are lost', findingFields(finding));
    }
    if (before !== undefined && problem === undefined) log.info('traces are exported again');
    this.#problem = problem === undefined ? undefined : (before ?? problem);
  }
}

function notExported(problem: string): Finding {
  return {
    code: 'CH5460',
    severity: 'warning',
    message: 'traces of commits cannot be exported and are lost',
    found: problem,
    help: 'look at the address (--otlp-endpoint, OTEL_EXPORTER_OTLP_ENDPOINT) and at what listens there',
  };
}
