import type { Caller } from './canonical-principal.ts';
import type { CompiledPolicy } from './compiled-policy.ts';
import { decideConditional } from './decide-conditional.ts';
import { type Action, clip, type Decision, type Deny, deny } from './decision.ts';
import { deniedBy, notAllowed } from './denials.ts';
import { nothingKnown, type RequestFacts } from './facts.ts';
import { nearestService } from './nearest-service.ts';
import { type Principals, principalsAt } from './principals.ts';
import { findRule } from './rule-index.ts';
import { anyone } from './rule-parts.ts';
import { anyText, wantedOf } from './texts.ts';

/** Who asks what of whom, in canonical form. */
export interface PolicyRequest {
  readonly caller: Caller | undefined;
  /** The service that would answer. */
  readonly callee: string;
  readonly action: Action;
  /** What conditions look at; left out, nothing of it is known. */
  readonly facts?: RequestFacts;
}

/**
 * The only place that decides about a request. Without an allow rule it is denied, a deny rule wins over any allow
 * rule, and the order of rules, files and services never matters. Where not all is known that conditions look at, the
 * answer may be that it depends.
 */
export function decide(policy: CompiledPolicy, request: PolicyRequest): Decision {
  const { action, caller, facts = nothingKnown } = request;
  const service = policy.services.get(request.callee);
  if (service === undefined) return unknownService(policy, request.callee);
  const principals = principalsAt(policy, service, caller, facts.token);
  if (caller === undefined) return unknownCaller(policy, caller);
  const wanted = wantedOf(policy.texts, action);
  const asked = {
    policy,
    service,
    caller,
    principals: principals ?? strangers,
    action,
    wanted,
    facts,
  };
  const { own } = asked.principals.parts ?? { own: asked.principals };
  const denial = findRule(service.deny, own, wanted);
  if (denial !== undefined) return deniedBy(asked, denial);
  if (principals === undefined) return unknownCaller(policy, caller);
  const allowed = findRule(service.allow, own, wanted);
  const { conditional } = service;
  if (conditional === undefined) return allowed ?? notAllowed(asked);
  return decideConditional(asked, conditional, allowed);
}

/** A proxy denies by a rule for everybody without a look at who is still in the mesh. */
const strangers: Principals = {
  ...{ allow: [], deny: [anyone] },
  numbers: { allow: [], deny: [anyText] },
};

export function unknownCaller(policy: CompiledPolicy, caller: Caller | undefined): Deny {
  return deny({ code: 'CH2105', reason: unknownCallerReason(policy, caller) });
}

export function unknownService(policy: CompiledPolicy, name: string): Deny {
  const nearest = nearestService(policy, name);
  return deny({
    code: 'CH2104',
    reason: `there is no service "${clip(name)}" in this mesh`,
    nearest,
    help:
      nearest === undefined
        ? 'name a service of this mesh as the Host, or declare this one in services/'
        : `did you mean ${nearest}?`,
  });
}

function unknownCallerReason(policy: CompiledPolicy, caller: Caller | undefined): string {
  if (caller === undefined) return 'the caller showed no identity';
  if (caller.trustDomain !== policy.trustDomain) {
    return `the caller is of the trust domain "${caller.trustDomain}", not of "${policy.trustDomain}"`;
  }
  return `the caller "${clip(caller.name)}" is no service of this mesh`;
}
