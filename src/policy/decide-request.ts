import type { CompiledPolicy } from './compiled-policy.ts';
import { decide, type PolicyRequest } from './decide.ts';
import { type Decision, deny } from './decision.ts';
import type { Reading } from './other-readings.ts';

/** A request is allowed when it is in every reading that an application could have of it. */
export function decideRequest(
  policy: CompiledPolicy,
  request: PolicyRequest,
  others: readonly Reading[],
): Decision {
  const decision = decide(policy, request);
  if (decision.kind === 'deny') return decision;
  for (const { method, path, because } of others) {
    const also = decide(policy, { ...request, action: { kind: 'http', method, path } });
    if (also.kind === 'depends') return also;
    if (also.kind === 'allow') continue;
    return deny({ ...also, code: 'CH2130', reason: `${because}, and ${also.reason}` });
  }
  return decision;
}
