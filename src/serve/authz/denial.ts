import type { Deny } from '../../policy/decision.ts';
import type { CheckAnswer, Metadata } from './check-response.ts';

export type Side = 'ingress' | 'egress';

/**
 * What the asking application gets to see. A decision about a caller that was not recognised carries neither rules
 * nor help, so that only members of the mesh learn them.
 */
export function denialAnswer(options: {
  readonly decision: Deny;
  readonly id: string;
  readonly side: Side | undefined;
  readonly isGrpc: boolean;
  readonly metadata: Metadata;
}): CheckAnswer {
  const { decision, id, side, isGrpc, metadata } = options;
  const common: readonly (readonly [string, string])[] = [
    ['x-chancery-decision', id],
    ['x-chancery-code', decision.code],
  ];
  return {
    kind: 'denied',
    httpStatus: httpStatus(decision, side),
    // Envoy turns the body of a denial into grpc-message and sets the content type of gRPC itself.
    headers: isGrpc ? common : [...common, ['content-type', 'application/json']],
    body: isGrpc ? `${decision.code}: ${decision.reason} (${id})` : jsonBody(decision, id),
    message: `${decision.code} ${id}`,
    metadata,
  };
}

/**
 * Never 503, which is how Envoy says that the desk itself was not reached (CH2190); the proxies tell the two apart
 * by the status.
 */
function httpStatus(decision: Deny, side: Side | undefined): number {
  switch (decision.code) {
    case 'CH2104':
      return side === 'egress' ? 404 : 403;
    case 'CH2106':
      return 502;
    case 'CH2192':
    case 'CH2193':
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
    ...(rule === undefined ? {} : { rule: rule.id, at: `${rule.at.file}:${rule.at.line}` }),
    ...(help === undefined ? {} : { help }),
    ...(nearest === undefined ? {} : { nearest }),
    ...(closest.length === 0
      ? {}
      : {
          closest: closest.map((miss) => ({
            rule: miss.rule.id,
            at: `${miss.rule.at.file}:${miss.rule.at.line}`,
            clause: miss.clause,
            wanted: miss.wanted,
            got: miss.got,
          })),
        }),
  };
  return `${JSON.stringify({ error })}\n`;
}
