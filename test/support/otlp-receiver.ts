import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { create, createFileRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { resolveEnvoy } from '../../src/envoy/resolve.ts';
import { embeddedDescriptors } from '../../tools/generate/descriptors.ts';

const collector = 'opentelemetry/proto/collector/trace/v1/trace_service.proto';
const requestType = 'opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest';

type Value = string | number | readonly string[];

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly events: readonly {
    readonly name: string;
    readonly attributes: Readonly<Record<string, Value>>;
  }[];
  readonly isError: boolean;
  readonly message: string;
  readonly service: string;
}

/** Takes traces by OTLP over HTTP and reads them by OpenTelemetry's own definitions, which the pinned Envoy carries. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Attributes of log records, which come in JSON. */
  readonly logs: Readonly<Record<string, Value>>[] = [];
  readonly calls: string[] = [];
  /** What it answers; 503 is that of a receiver that cannot now. */
  status = 200;
  readonly #server: Server;
  readonly #decode: (bytes: Uint8Array) => unknown;

  private constructor(decode: (bytes: Uint8Array) => unknown) {
    this.#decode = decode;
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      this.calls.push(`${request.method} ${request.url} ${request.headers['content-type']}`);
      const body = Buffer.concat(chunks);
      const isPacked = request.headers['content-encoding'] === 'gzip';
      if (request.url?.endsWith('/v1/logs')) {
        if (this.status === 200) this.#takeLogs(body);
        response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
        return;
      }
      if (this.status === 200) this.#take(this.#decode(isPacked ? gunzipSync(body) : body));
      response.writeHead(this.status, { 'content-type': 'application/x-protobuf' }).end();
    });
  }

  static async open(port = 0): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver(await requestReader());
    receiver.#server.listen(port, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The spans of one trace, by name; of two with one name the last. */
  trace(traceId: string): ReadonlyMap<string, ReceivedSpan> {
    const found = this.spans.filter((span) => span.traceId === traceId);
    return new Map(found.map((span) => [span.name, span]));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** OTLP in JSON, by the names of its fields. */
  #takeLogs(body: Buffer): void {
    const { resourceLogs } = JSON.parse(body.toString()) as LogsRequest;
    for (const { logRecords } of resourceLogs.flatMap(({ scopeLogs }) => scopeLogs)) {
      for (const { attributes } of logRecords) {
        const entries = attributes.map(({ key, value }): [string, Value] => {
          const texts = value.arrayValue?.values.map(({ stringValue }) => stringValue);
          return [key, texts ?? value.stringValue ?? Number(value.intValue)];
        });
        this.logs.push(Object.fromEntries(entries));
      }
    }
  }

  #take(request: unknown): void {
    for (const { resource, scope_spans } of (request as WireRequest).resource_spans) {
      const service = String(attributesOf(resource.attributes)['service.name']);
      for (const span of scope_spans.flatMap(({ spans }) => spans)) {
        this.spans.push(spanOf(span, service));
      }
    }
  }
}

interface LogsRequest {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly attributes: readonly {
          readonly key: string;
          readonly value: {
            readonly stringValue?: string;
            readonly intValue?: string;
            readonly arrayValue?: { readonly values: readonly { readonly stringValue: string }[] };
          };
        }[];
      }[];
    }[];
  }[];
}

async function requestReader(): Promise<(bytes: Uint8Array) => unknown> {
  const envoy = await resolveEnvoy({ env: process.env, onProgress: () => {} });
  const known = embeddedDescriptors(readFileSync(envoy.path));
  const file: ReturnType<typeof known.get>[] = [];
  const visit = (name: string): void => {
    const found = known.get(name);
    if (found === undefined || file.includes(found)) return;
    found.dependency.forEach(visit);
    file.push(found);
  };
  visit(collector);
  const set = create(FileDescriptorSetSchema, { file: file.filter((one) => one !== undefined) });
  const registry = createFileRegistry(set);
  const type = registry.getMessage(requestType);
  if (type === undefined) throw new Error(`this Envoy has no ${requestType}`);
  return (bytes) => toJson(type, fromBinary(type, bytes), { registry, useProtoFieldName: true });
}

interface WireAttribute {
  readonly key: string;
  readonly value: {
    readonly string_value?: string;
    readonly int_value?: string;
    readonly double_value?: number;
    readonly array_value?: { readonly values?: readonly WireAttribute['value'][] };
  };
}

interface WireSpan {
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id?: string;
  readonly name: string;
  readonly start_time_unix_nano: string;
  readonly end_time_unix_nano: string;
  readonly attributes?: readonly WireAttribute[];
  readonly events?: readonly { readonly name: string; readonly attributes?: WireAttribute[] }[];
  readonly status?: { readonly code?: string; readonly message?: string };
}

interface WireRequest {
  readonly resource_spans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scope_spans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

function spanOf(span: WireSpan, service: string): ReceivedSpan {
  return {
    traceId: hex(span.trace_id),
    spanId: hex(span.span_id),
    parentId: hex(span.parent_span_id ?? ''),
    name: span.name,
    startMs: msOf(span.start_time_unix_nano),
    endMs: msOf(span.end_time_unix_nano),
    attributes: attributesOf(span.attributes),
    events: (span.events ?? []).map(({ name, attributes }) => ({
      name,
      attributes: attributesOf(attributes),
    })),
    isError: span.status?.code === 'STATUS_CODE_ERROR',
    message: span.status?.message ?? '',
    service,
  };
}

/** Nanoseconds of the epoch are more than a number holds. */
function msOf(unixNano: string): number {
  return Number(BigInt(unixNano) / 1_000n) / 1_000;
}

function attributesOf(list: readonly WireAttribute[] = []): Readonly<Record<string, Value>> {
  return Object.fromEntries(list.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: WireAttribute['value']): Value {
  const { string_value, int_value, double_value, array_value } = value;
  if (array_value !== undefined)
    return (array_value.values ?? []).map((one) => String(plainValue(one)));
  return string_value ?? double_value ?? Number(int_value);
}

/** The JSON form of protobuf has bytes in base64. */
function hex(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}
