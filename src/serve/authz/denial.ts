import type { Code } from '../../base/finding.ts';
import { placeText } from '../../base/place-text.ts';
import { type Deny, deny } from '../../policy/decision.ts';
import type { CheckAnswer, Metadata } from './check-response.ts';

export type Side = 'ingress' | 'egress';

/**
 * What the asking application gets to see. Rules, and what would help, are for members of the mesh: a caller that was not
 * recognised has none in its decision, and a guest of another trust domain hears no more than what kind of denial it is.
 */
export function denialAnswer(options: {
  readonly decision: Deny;
  readonly id: string;
  readonly side: Side | undefined;
  readonly isGrpc: boolean;
  readonly isMember: boolean;
  /** `www-authenticate`, where a token would help. */
  readonly challenge: string | undefined;
  readonly metadata: Metadata;
}): CheckAnswer {
  const { decision, id, side, isGrpc, isMember, challenge, metadata } = options;
  const shown = isMember ? decision : withoutRules(decision);
  const common: readonly (readonly [string, string])[] = [
    ['x-chancery-decision', id],
    ['x-chancery-code', decision.code],
    ...(challenge === undefined ? [] : [['www-authenticate', challenge] as const]),
  ];
  return {
    kind: 'denied',
    httpStatus: httpStatus(decision, side),
    // Envoy turns the body of a denial into grpc-message and sets status and content type of gRPC itself.
    headers: isGrpc ? common : [...common, ['content-type', 'application/json']],
    body: isGrpc ? `${shown.code}: ${shown.reason} (${id})` : jsonBody(shown, id),
    message: `${decision.code} ${id}`,
    metadata,
  };
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
