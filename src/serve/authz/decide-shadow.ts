import { canonicalize } from '../../policy/canonical.ts';
import type { CompiledPolicy } from '../../policy/compiled-policy.ts';
import { decideRequest } from '../../policy/decide-request.ts';
import { type Answer, answerOf, deny } from '../../policy/decision.ts';
import { type Asked, conditionFacts, decisionOf, sideOf } from './check-handler.ts';
import type { CheckFacts } from './check-request.ts';

/**
 * What another policy says of a question that was asked of the desk, with the same facts. At egress a proxy asks where it has
 * no way; under the other policy it may have one, and then the callee's rules decide.
 */
export function decideShadow(policy: CompiledPolicy, facts: CheckFacts, asked: Asked): Answer {
  const { decision } = decisionOf(policy, facts, asked);
  if (sideOf(facts) !== 'egress' || decision.kind === 'allow' || facts.http === undefined) {
    return decision;
  }
  // The desk has no way to offer; the mesh would make one before the request comes.
  if (decision.code !== noWayYet) return decision;
  const canonical = canonicalize({ ...facts.http, principal: facts.principal });
  if (!canonical.ok) return deny(canonical.error);
  const request = canonical.value;
  const caller = { trustDomain: policy.trustDomain, name: asked.service };
  const action = { kind: 'http' as const, method: request.method, path: request.path };
  const conditions = conditionFacts(policy, asked, { facts, http: facts.http, request });
  const routed = { caller, callee: request.host, action, facts: conditions };
  return answerOf(decideRequest(policy, routed, request.others));
}

/** Of `decideEgress`: the caller may call the service, and there is no route yet. */
export const noWayYet = 'CH2106';
