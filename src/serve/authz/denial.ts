import type { Code } from '../../base/finding.ts';
import { placeText } from '../../base/place-text.ts';
import { type Deny, deny } from '../../policy/decision.ts';
import { encodeMessage, type GrpcCode, grpcStatus } from '../grpc/status.ts';
import type { CheckAnswer, Metadata } from './check-response.ts';

export type Side = 'ingress' | 'egress';

/** As Envoy tells gRPC, for it is Envoy that turns an answer into gRPC: exactly that, or with a kind of message behind it. */
const grpc = /^application\/grpc(?:\+.*)?$/;

/**
 * What the asking application gets to see. Rules, and what would help, are for members of the mesh: a caller that was not
 * recognised has none in its decision, and a guest of another trust domain hears no more than what kind of denial it is.
 */
export function denialAnswer(options: {
  readonly decision: Deny;
  readonly id: string;
  readonly side: Side | undefined;
  /** The content type of the request: who speaks gRPC is told in gRPC. */
  readonly contentType: string;
  readonly isMember: boolean;
  /** `www-authenticate`, where a token would help. */
  readonly challenge: string | undefined;
  readonly metadata: Metadata;
}): CheckAnswer {
  const { decision, id, side, contentType, isMember, challenge, metadata } = options;
  const shown = isMember ? decision : withoutRules(decision);
  const common: readonly (readonly [string, string])[] = [
    ['x-chancery-decision', id],
    ['x-chancery-code', decision.code],
    ...(challenge === undefined ? [] : [['www-authenticate', challenge] as const]),
  ];
  const answer = { kind: 'denied', message: `${decision.code} ${id}`, metadata } as const;
  const status = httpStatus(decision, side);
  const text = `${shown.code}: ${shown.reason} (${id})`;
  // Envoy turns the body of a denial into grpc-message and sets status and content type of gRPC itself.
  if (grpc.test(contentType)) return { ...answer, httpStatus: status, headers: common, body: text };
  if (!contentType.startsWith('application/grpc-web')) {
    const headers = [...common, ['content-type', 'application/json'] as const];
    return { ...answer, httpStatus: status, headers, body: jsonBody(shown, id) };
  }
  // An answer of gRPC-Web without messages may have its trailers among the headers, and its status is 200 as in gRPC.
  const headers: CheckHeaders = [
    ...common,
    ['grpc-status', String(grpcStatusOf(status))],
    ['grpc-message', encodeMessage(text)],
  ];
  return { ...answer, httpStatus: 200, headers, body: '' };
}

type CheckHeaders = (CheckAnswer & { readonly kind: 'denied' })['headers'];

/** As the specification of gRPC maps HTTP to gRPC. */
function grpcStatusOf(httpStatus: number): GrpcCode {
  switch (httpStatus) {
    case 401:
      return grpcStatus.unauthenticated;
    case 403:
      return grpcStatus.permissionDenied;
    case 404:
      return grpcStatus.unimplemented;
    case 502:
      return grpcStatus.unavailable;
    default:
      return grpcStatus.unknown;
  }
}

/** Reasons that name no rule, for the codes whose own do. */
const bareReasons: Partial<Record<Code, string>> = {
  CH2101: 'no rule allows this',
  CH2102: 'a rule forbids this',
  CH2108: 'this needs a token',
  CH2109: 'the token does not verify',
  CH2110: 'it cannot be decided whether a rule forbids this',
  CH2111: 'it cannot be decided whether this is allowed',
  CH2194: 'the desk cannot record this',
};

function withoutRules({ code, reason }: Deny): Deny {
  return deny({ code, reason: bareReasons[code] ?? reason });
}

/**
 * Never 503, which is how Envoy says that the desk itself was not reached (CH2190); the proxies tell the two apart
 * by the status.
 */
function httpStatus(decision: Deny, side: Side | undefined): number {
  switch (decision.code) {
    case 'CH2104':
      return side === 'egress' ? 404 : 403;
    case 'CH2108':
    case 'CH2109':
      return 401;
    case 'CH2106':
      return 502;
    case 'CH2192':
    case 'CH2193':
    case 'CH2194':
      return 500;
    default:
      return 403;
  }
}

function jsonBody(decision: Deny, id: string): string {
  const { code, reason, rule, help, closest, nearest } = decision;
  const error = {
    code,
    message: reason,
    decision: id,
    ...(rule === undefined ? {} : { rule: rule.id, at: placeText(rule.at) }),
    ...(help === undefined ? {} : { help }),
    ...(nearest === undefined ? {} : { nearest }),
    ...(closest.length === 0
      ? {}
      : {
          closest: closest.map((miss) => ({
            rule: miss.rule.id,
            at: placeText(miss.rule.at),
            clause: miss.clause,
            wanted: miss.wanted,
            got: miss.got,
          })),
        }),
  };
  return `${JSON.stringify({ error })}\n`;
}
