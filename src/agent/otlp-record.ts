import type { LoggedDecision } from './decision-log.ts';

/** OTLP in its JSON form (opentelemetry-proto, logs/v1): 64-bit numbers are texts. */
export interface OtlpLogRecord {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly OtlpAttribute[];
}

type OtlpValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly arrayValue: { readonly values: readonly { readonly stringValue: string }[] } };

interface OtlpAttribute {
  readonly key: string;
  readonly value: OtlpValue;
}

const info = 9;
const warn = 13;

/** Names with a dot in front of OpenTelemetry's own conventions where there are such. */
export function otlpRecord(decision: LoggedDecision): OtlpLogRecord {
  const { kind, code, service, principal, method, path, timeMs } = decision;
  const isQuiet = kind === 'allow' && decision.fault === undefined;
  const nanos = `${BigInt(Math.round(timeMs)) * 1_000_000n}`;
  const words = [kind, code, principal, method, path, 'on', service];
  return {
    timeUnixNano: nanos,
    observedTimeUnixNano: nanos,
    severityNumber: isQuiet ? info : warn,
    severityText: isQuiet ? 'INFO' : 'WARN',
    eventName: 'chancery.decision',
    body: { stringValue: words.filter(Boolean).join(' ') },
    attributes: attributesOf(decision),
  };
}

function attributesOf(decision: LoggedDecision): readonly OtlpAttribute[] {
  const { audits = [], undecided = [] } = decision;
  const all: readonly (readonly [string, string | number | readonly string[] | undefined])[] = [
    ['chancery.decision.id', decision.id],
    ['chancery.decision.kind', decision.kind],
    ['chancery.decision.code', decision.code],
    ['chancery.decision.rule', decision.rule],
    ['chancery.decision.policy', decision.policy],
    ['chancery.decision.commit', decision.commit],
    ['chancery.decision.desk', decision.desk],
    ['chancery.decision.latency_us', decision.latencyUs],
    ['chancery.decision.side', decision.side],
    ['chancery.decision.audits', audits.map(({ rule, effect }) => `${effect} ${rule}`)],
    ['chancery.decision.undecided', undecided.map(({ rule, message }) => `${rule}: ${message}`)],
    ['chancery.decision.fault', decision.fault],
    ['chancery.service', decision.service],
    ['chancery.proxy', decision.proxy],
    ['chancery.principal', decision.principal],
    ['chancery.token', decision.token],
    ['chancery.request_id', decision.requestId],
    ['client.address', decision.address],
    ['http.request.method', decision.method],
    ['url.path', decision.path],
    ['server.address', decision.host],
  ];
  return all.flatMap(([key, value]) =>
    value === undefined || value === '' || (typeof value === 'object' && value.length === 0)
      ? []
      : [{ key, value: otlpValue(value) }],
  );
}

function otlpValue(value: string | number | readonly string[]): OtlpValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { intValue: String(value) };
  return { arrayValue: { values: value.map((stringValue) => ({ stringValue })) } };
}
