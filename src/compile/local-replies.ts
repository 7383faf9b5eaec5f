import { ComparisonFilter_Op } from '../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type {
  LocalReplyConfigSchema,
  ResponseMapperSchema,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Side } from './access-log.ts';
import type { Init } from './pack.ts';

type Mapper = Init<typeof ResponseMapperSchema>;

/** Answers that Envoy makes by itself, by response flag; what the application sees instead of an empty reply. */
interface LocalReply {
  readonly flag: string;
  readonly status?: number;
  readonly code: string;
  readonly message: string;
}

const localReplies: readonly LocalReply[] = [
  {
    flag: 'UAEX',
    status: 503,
    code: 'CH2190',
    message: 'the policy desk was not reached; this is not a policy decision',
  },
  { flag: 'NR', code: 'CH4101', message: 'no route of the destination matches this request' },
  { flag: 'NC', code: 'CH4106', message: 'the proxy has no cluster for this route yet' },
  { flag: 'UH', code: 'CH4103', message: 'the destination has no healthy instance' },
  { flag: 'UO', code: 'CH4105', message: 'the limit of requests in flight is reached' },
  { flag: 'UT', code: 'CH4104', message: 'the destination did not answer in time' },
  { flag: 'UF', code: 'CH4102', message: 'no connection to the destination could be made' },
  {
    flag: 'UC',
    code: 'CH4107',
    message: 'the destination closed the connection before it answered',
  },
  { flag: 'UPE', code: 'CH4108', message: 'the destination does not speak the declared protocol' },
  { flag: 'SI', code: 'CH4109', message: 'nothing moved on the stream for too long' },
  { flag: 'DPE', code: 'CH4110', message: 'the request is malformed' },
];

/**
 * JSON with a code, the exact detail and the request id, and the same code as `x-chancery-code`.
 * Denials of the desk carry their own body and match no mapper.
 */
export function localReplyConfig(side: Side, service: string): Init<typeof LocalReplyConfigSchema> {
  return { mappers: localReplies.map((reply) => mapper(reply, side, service)) };
}

function mapper(reply: LocalReply, side: Side, service: string): Mapper {
  const flag = {
    filterSpecifier: {
      case: 'responseFlagFilter' as const,
      value: { flags: [reply.flag] },
    },
  };
  return {
    filter:
      reply.status === undefined
        ? flag
        : {
            filterSpecifier: {
              case: 'andFilter' as const,
              value: { filters: [flag, statusFilter(reply.status)] },
            },
          },
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

function statusFilter(status: number) {
  return {
    filterSpecifier: {
      case: 'statusCodeFilter' as const,
      value: {
        comparison: {
          op: ComparisonFilter_Op.EQ,
          value: { defaultValue: status, runtimeKey: 'chancery.unused' },
        },
      },
    },
  };
}
