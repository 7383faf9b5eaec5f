import {
  type AccessLogFilterSchema,
  ComparisonFilter_Op,
} from '../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { SubstitutionFormatStringSchema } from '../gen/envoy/config/core/v3/substitution_format_string_pb.js';
import type {
  LocalReplyConfigSchema,
  ResponseMapperSchema,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Side } from './access-log.ts';
import { celFilter } from './cel-filter.ts';
import type { Init } from './pack.ts';

type Filter = Init<typeof AccessLogFilterSchema>;
type Mapper = Init<typeof ResponseMapperSchema>;

/** Answers that Envoy makes by itself for want of one; what the application sees instead of an empty reply. */
interface LocalReply {
  readonly on: Condition;
  readonly code: string;
  readonly message: string;
}

/** Response flags, the status and the response code details of Envoy: what is named must all hold. */
type Condition =
  | { readonly flag: string; readonly status?: number }
  | { readonly statuses: readonly number[] }
  | { readonly details: string };

/** By the details of Envoy: what to look for, and how to mend it. */
const malformed: readonly (readonly [details: readonly string[], message: string])[] = [
  [
    ['http1.unexpected_underscore'],
    'a header has "_" in its name, which applications take for "-": name it with "-"',
  ],
  [
    ['http1.codec_error', 'http1.invalid_url'],
    'the first line or a header is no HTTP: a character that must be encoded, or two lengths',
  ],
  [['http1.invalid_characters'], 'the value of a header holds a control character'],
  [['http.invalid_authority'], 'the host holds a character that no host has'],
  [['path_normalization_failed'], 'the path holds "#" or an encoded NUL'],
  [['absolute_path_rejected'], 'the target has no path, as "*" and "http://host?query"'],
  [['missing_host_header'], 'the request names no host'],
  [['http1.headers_too_large'], 'path and headers are larger than 64 KiB'],
  [['http1.too_many_headers'], 'it has more than 128 headers'],
  [['query_missing_content_type'], 'a QUERY says nothing of the type of its content'],
];

/** One expression in CEL, so that all of them take one mapper. */
function whatIsMalformed(): string {
  const otherwise = `'the request is malformed or larger than the proxy takes'`;
  return malformed.reduceRight((rest, [details, message]) => {
    return `${detailsIn(details)} ? '${message}' : ${rest}`;
  }, otherwise);
}

/** The first one is of a desk that was not reached. */
const localReplies: readonly LocalReply[] = [
  {
    on: { flag: 'UAEX', status: 503 },
    code: 'CH2190',
    message: 'the policy desk was not reached; this is not a policy decision',
  },
  {
    on: { flag: 'NR' },
    code: 'CH4101',
    message: 'no route of the destination matches this request',
  },
  { on: { flag: 'NC' }, code: 'CH4106', message: 'the proxy has no cluster for this route yet' },
  { on: { flag: 'UH' }, code: 'CH4103', message: 'the destination has no healthy instance' },
  { on: { flag: 'UT' }, code: 'CH4104', message: 'the destination did not answer in time' },
  { on: { flag: 'UF' }, code: 'CH4102', message: 'no connection to the destination could be made' },
  {
    on: { flag: 'UC' },
    code: 'CH4107',
    message: 'the destination closed the connection before it answered',
  },
  {
    on: { flag: 'UR' },
    code: 'CH4107',
    message: 'the destination broke the request off before it answered',
  },
  // Behind what ended the request: Envoy sets this flag also where it only could not try again.
  { on: { flag: 'UO' }, code: 'CH4105', message: 'the limit of requests in flight is reached' },
  { on: { details: 'overload' }, code: 'CH4105', message: 'the proxy holds as much as it may' },
  {
    on: { flag: 'UPE' },
    code: 'CH4108',
    message: 'the destination does not speak the declared protocol',
  },
  { on: { flag: 'SI' }, code: 'CH4109', message: 'nothing moved on the stream for too long' },
  { on: { flag: 'DPE' }, code: 'CH4110', message: 'the request is malformed' },
  {
    on: { details: 'upgrade_failed' },
    code: 'CH4112',
    message: 'no other protocol is upgraded to than websocket',
  },
  {
    on: { details: 'http1.https_url_on_plaintext_connection' },
    code: 'CH4110',
    message: 'name the destination with http://, the proxies encrypt by themselves',
  },
  // No flag is set for what is refused before there is a route.
  {
    on: { statuses: [400, 404, 426, 431, 501] },
    code: 'CH4110',
    message: `%CEL(${whatIsMalformed()})%`,
  },
];

/**
 * JSON with a code, the exact detail and the request id, and the same code as `x-chancery-code`.
 * Denials of the desk carry their own body and match no mapper.
 */
export function localReplyConfig(side: Side, service: string): Init<typeof LocalReplyConfigSchema> {
  const denials = side === 'ingress' ? deniedInProxy(service) : [];
  const [unreached, ...replies] = localReplies.map((reply) => mapper(reply, side, service));
  // The first match counts, and this one changes nothing: what the desk answered stays as it is.
  const answered: Mapper = { filter: filterOf({ flag: 'UAEX' }) };
  return {
    mappers: [...denials, ...(unreached === undefined ? [] : [unreached]), answered, ...replies],
  };
}

/** The name of the matched policy is in the details only: its metadata is written after this answer. */
const isDenied = `response.code_details.startsWith('rbac_access_denied_matched_policy[deny/')`;
const contentType = `request.headers['content-type']`;
const isSaid = `'content-type' in request.headers`;
const isGrpc = `${isSaid} && (${contentType} == 'application/grpc' || ${contentType}.startsWith('application/grpc+'))`;
const isGrpcWeb = `${isSaid} && ${contentType}.startsWith('application/grpc-web')`;
const deniedBy = `%CEL(re.capture(response.code_details, '.*deny/([^]]*)]'))%`;
const requestId = '%REQ(X-REQUEST-ID)%';

/** google.rpc.Code */
const permissionDenied = '7';

/** A deny rule that the proxy holds by itself: as the desk answers, but for what only the desk knows. */
function deniedInProxy(service: string): readonly Mapper[] {
  const code = 'CH2102';
  const message = `deny rule "${deniedBy}" of ${service} forbids it`;
  const headersToAdd = [
    { header: { key: 'x-chancery-code', value: code } },
    { header: { key: 'x-chancery-decision', value: requestId } },
  ];
  const text = `${code}: ${message} (${requestId})`;
  const error = {
    code,
    message,
    decision: requestId,
    rule: deniedBy,
    answered_by: `ingress proxy of ${service}`,
  };
  return [
    {
      // Envoy turns the body into grpc-message.
      filter: celFilter(`${isDenied} && ${isGrpc}`),
      headersToAdd,
      bodyFormatOverride: plain(text),
    },
    {
      // An answer of gRPC-Web without messages may have its trailers among the headers.
      filter: celFilter(`${isDenied} && ${isGrpcWeb}`),
      statusCode: 200,
      headersToAdd: [
        ...headersToAdd,
        { header: { key: 'grpc-status', value: permissionDenied } },
        { header: { key: 'grpc-message', value: text } },
      ],
      bodyFormatOverride: plain(''),
    },
    {
      filter: celFilter(isDenied),
      headersToAdd,
      bodyFormatOverride: {
        format: { case: 'jsonFormat', value: { error } },
        omitEmptyValues: true,
      },
    },
  ];
}

function plain(text: string): Init<typeof SubstitutionFormatStringSchema> {
  const source = { specifier: { case: 'inlineString' as const, value: text } };
  return { format: { case: 'textFormatSource', value: source } };
}

function mapper(reply: LocalReply, side: Side, service: string): Mapper {
  return {
    filter: filterOf(reply.on),
    headersToAdd: [{ header: { key: 'x-chancery-code', value: reply.code } }],
    bodyFormatOverride: {
      format: {
        case: 'jsonFormat' as const,
        value: {
          error: {
            code: reply.code,
            message: reply.message,
            answered_by: `${side} proxy of ${service}`,
            to: '%REQ(:AUTHORITY)%',
            details: '%RESPONSE_CODE_DETAILS%',
            upstream_failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
            request: '%REQ(X-REQUEST-ID)%',
          },
        },
      },
      omitEmptyValues: true,
    },
  };
}

function filterOf(on: Condition): Filter {
  if ('details' in on) return celFilter(detailsIn([on.details]));
  if ('statuses' in on) {
    const filters = on.statuses.map(statusFilter);
    return { filterSpecifier: { case: 'orFilter', value: { filters } } };
  }
  const flag: Filter = {
    filterSpecifier: { case: 'responseFlagFilter', value: { flags: [on.flag] } },
  };
  if (on.status === undefined) return flag;
  const filters = [flag, statusFilter(on.status)];
  return { filterSpecifier: { case: 'andFilter', value: { filters } } };
}

function detailsIn(details: readonly string[]): string {
  return details.map((one) => `response.code_details == '${one}'`).join(' || ');
}

function statusFilter(status: number): Filter {
  return {
    filterSpecifier: {
      case: 'statusCodeFilter',
      value: {
        comparison: {
          op: ComparisonFilter_Op.EQ,
          value: { defaultValue: status, runtimeKey: 'chancery.unused' },
        },
      },
    },
  };
}
