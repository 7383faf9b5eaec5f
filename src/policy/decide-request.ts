import type { CompiledPolicy } from './compiled-policy.ts';
import { decide, type PolicyRequest } from './decide.ts';
import { type Decision, type Depends, deny } from './decision.ts';
import { compareText } from './document.ts';
import type { Reading } from './other-readings.ts';

/** A request is allowed when it is in every reading that an application could have of it. */
export function decideRequest(
  policy: CompiledPolicy,
  request: PolicyRequest,
  others: readonly Reading[],
): Decision {
  const decision = decide(policy, request);
  if (decision.kind === 'deny') return decision;
  let open = decision.kind === 'depends' ? decision : undefined;
  for (const { method, path, because } of others) {
    const also = decide(policy, { ...request, action: { kind: 'http', method, path } });
    if (also.kind === 'depends') open = open === undefined ? also : bothOpen(open, also);
    if (also.kind !== 'deny') continue;
    return deny({ ...also, code: 'CH2130', reason: `${because}, and ${also.reason}` });
  }
  return open ?? decision;
}

function bothOpen(one: Depends, other: Depends): Depends {
  const rules = new Map([...one.rules, ...other.rules].map((rule) => [rule.id, rule]));
  return {
    ...one,
    on: [...new Set([...one.on, ...other.on])].sort(),
    rules: [...rules.values()].sort((a, b) => compareText(a.id, b.id)),
    otherwise: one.otherwise.kind === 'deny' ? one.otherwise : other.otherwise,
  };
}
