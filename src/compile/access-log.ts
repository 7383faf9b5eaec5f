import { create, type JsonObject } from '@bufbuild/protobuf';
import {
  type AccessLog,
  type AccessLogFilterSchema,
  AccessLogSchema,
} from '../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { FileAccessLogSchema } from '../gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { celFilter } from './cel-filter.ts';
import { accessLogFile, metadataKey, rbacFilter } from './names.ts';
import { any, type Init } from './pack.ts';
import { tcpStateKeys } from './tcp-gate.ts';

/** Of an id that a caller chose: headers may have 64 KB, and each line holds it. */
const idCharactersMax = 128;

export type Side = 'ingress' | 'egress';

/** What every line says about where it was written. */
interface Origin {
  readonly side: Side;
  /** The service and workload of the proxy. */
  readonly service: string;
  readonly proxy: string;
}

/** One line per request, at its end. */
export function requestLog(origin: Origin): AccessLog {
  const { side } = origin;
  return fileLog({
    kind: 'request',
    ...origin,
    ...requestFields,
    ...(side === 'ingress' ? ingressFields : egressFields),
  });
}

/**
 * One line per attempt at an upstream, so that a retried request shows what each try met. At ingress the only upstream
 * is the application beside the proxy: an attempt that went well says nothing that the request's line does not.
 */
export function attemptLog(origin: Origin): AccessLog {
  const fields = { kind: 'attempt', ...origin, ...attemptFields };
  if (origin.side === 'egress') return fileLog(fields);
  // Without names it stands for any response flag: the attempt did not end as it should.
  return fileLog(fields, { filterSpecifier: { case: 'responseFlagFilter', value: {} } });
}

/**
 * One line per failed handshake. The HTTP log never sees those connections (measured: only the listener's
 * log does), and the line names who tried, also when the certificate was refused.
 */
export function handshakeLog(origin: Origin): AccessLog {
  return fileLog(
    { kind: 'handshake', ...origin, ...handshakeFields },
    celFilter(
      "has(connection.transport_failure_reason) && connection.transport_failure_reason != ''",
    ),
  );
}

/** One line per TCP connection, at its end. */
export function connectionLog(origin: Origin): AccessLog {
  const { side } = origin;
  const decided = side === 'ingress' ? gateFields : {};
  return fileLog({ kind: 'connection', ...origin, ...connectionFields, ...decided });
}

const requestFields: JsonObject = {
  time: '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%',
  request_id: `%REQ(X-REQUEST-ID):${idCharactersMax}%`,
  trace: `%REQ(TRACEPARENT):${idCharactersMax}%`,
  method: '%REQ(:METHOD)%',
  host: '%REQ(:AUTHORITY)%',
  // Without the query, which may hold a secret.
  path: '%PATH(NQ:PATH)%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  grpc_status: '%GRPC_STATUS(SNAKE_STRING)%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  route: `%METADATA(ROUTE:${metadataKey}:route)%`,
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  duration_ms: '%DURATION%',
  upstream_ms: '%RESPONSE_DURATION%',
  bytes_in: '%BYTES_RECEIVED%',
  bytes_out: '%BYTES_SENT%',
  downstream: '%DOWNSTREAM_REMOTE_ADDRESS%',
  upstream: '%UPSTREAM_HOST%',
  upstream_local: '%UPSTREAM_LOCAL_ADDRESS%',
  cluster: '%UPSTREAM_CLUSTER_RAW%',
};

const egressFields: JsonObject = {
  callee: '%UPSTREAM_PEER_URI_SAN%',
  upstream_failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  decision: `%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%`,
};

const ingressFields: JsonObject = {
  caller: '%DOWNSTREAM_PEER_URI_SAN%',
  caller_serial: '%DOWNSTREAM_PEER_SERIAL%',
  callee: '%DOWNSTREAM_LOCAL_URI_SAN%',
  rule: `%DYNAMIC_METADATA(${rbacFilter}:enforced_effective_policy_id)%`,
  // No desk answered, and a route is open then.
  desk_away: '%REQ(X-ENVOY-AUTH-FAILURE-MODE-ALLOWED)%',
  // A deny rule in audit that would have refused it.
  audit: `%DYNAMIC_METADATA(${rbacFilter}:shadow_effective_policy_id)%`,
  decision: `%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%`,
};

const attemptFields: JsonObject = {
  time: '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%',
  request_id: `%REQ(X-REQUEST-ID):${idCharactersMax}%`,
  status: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream: '%UPSTREAM_HOST%',
  upstream_local: '%UPSTREAM_LOCAL_ADDRESS%',
  callee: '%UPSTREAM_PEER_URI_SAN%',
  upstream_failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  duration_ms: '%DURATION%',
};

const handshakeFields: JsonObject = {
  time: '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%',
  downstream: '%DOWNSTREAM_REMOTE_ADDRESS%',
  local: '%DOWNSTREAM_LOCAL_ADDRESS%',
  caller: '%DOWNSTREAM_PEER_URI_SAN%',
  caller_serial: '%DOWNSTREAM_PEER_SERIAL%',
  caller_issuer: '%DOWNSTREAM_PEER_ISSUER%',
  sni: '%REQUESTED_SERVER_NAME%',
  tls: '%DOWNSTREAM_TLS_VERSION%',
  failure: '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%',
};

const connectionFields: JsonObject = {
  time: '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%',
  downstream: '%DOWNSTREAM_REMOTE_ADDRESS%',
  caller: '%DOWNSTREAM_PEER_URI_SAN%',
  callee: '%UPSTREAM_PEER_URI_SAN%',
  upstream: '%UPSTREAM_HOST%',
  cluster: '%UPSTREAM_CLUSTER_RAW%',
  flags: '%RESPONSE_FLAGS%',
  details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  duration_ms: '%DURATION%',
  bytes_in: '%BYTES_RECEIVED%',
  bytes_out: '%BYTES_SENT%',
};

const gateFields: JsonObject = {
  rule: state(tcpStateKeys.rule),
  // Why it was refused.
  code: state(tcpStateKeys.code),
  reason: state(tcpStateKeys.reason),
  // A deny rule in audit that would have refused it.
  audit: state(tcpStateKeys.audit),
};

function state(key: string): string {
  return `%FILTER_STATE(${key}:PLAIN)%`;
}

function fileLog(fields: JsonObject, filter?: Init<typeof AccessLogFilterSchema>) {
  return create(AccessLogSchema, {
    name: 'envoy.access_loggers.file',
    ...(filter === undefined ? {} : { filter }),
    configType: {
      case: 'typedConfig',
      value: any(FileAccessLogSchema, {
        path: accessLogFile,
        accessLogFormat: {
          case: 'logFormat',
          value: { format: { case: 'jsonFormat', value: fields }, omitEmptyValues: true },
        },
      }),
    },
  });
}
