import { nearestName } from '../base/nearest.ts';
import type { Caller } from './canonical-principal.ts';
import { type CompiledPolicy, type CompiledService, findRule } from './compiled-policy.ts';
import { type Action, actionText, clip, type Decision, type Deny, deny } from './decision.ts';
import { nearMisses } from './near-misses.ts';
import { allowSuggestion } from './suggestion.ts';

/** Who asks what of whom, in canonical form. */
export interface PolicyRequest {
  readonly caller: Caller | undefined;
  /** The service that would answer. */
  readonly callee: string;
  readonly action: Action;
}

/**
 * The only place that decides about a request. Without an allow rule it is denied, a deny rule wins over any allow
 * rule, and the order of rules, files and services never matters.
 */
export function decide(policy: CompiledPolicy, request: PolicyRequest): Decision {
  const { action } = request;
  const service = policy.services.get(request.callee);
  if (service === undefined) return unknownService(policy, request.callee);
  const principals = knownPrincipals(policy, request.caller);
  if (principals === undefined || request.caller === undefined) {
    return unknownCaller(policy, request.caller);
  }
  const denial = findRule(service.deny, principals, withoutFinalSlash(action));
  if (denial !== undefined) {
    const what = `${request.caller.name} may not ${actionText(action)} on ${service.policy.name}`;
    const place = `${denial.at.file}:${denial.at.line}`;
    return deny({
      code: 'CH2102',
      reason: `${what}: deny rule "${denial.id}" (${place}) forbids it`,
      rule: denial,
    });
  }
  return (
    findRule(service.allow, principals, action) ??
    notAllowed({ service, caller: request.caller.name, principals, action })
  );
}

/** Undefined for a caller that is no service of this mesh, whatever its certificate says. */
export function knownPrincipals(
  policy: CompiledPolicy,
  caller: Caller | undefined,
): readonly string[] | undefined {
  return caller?.trustDomain === policy.trustDomain ? policy.callers.get(caller.name) : undefined;
}

export function unknownCaller(policy: CompiledPolicy, caller: Caller | undefined): Deny {
  return deny({ code: 'CH2105', reason: unknownCallerReason(policy, caller) });
}

export function unknownService(policy: CompiledPolicy, name: string): Deny {
  const nearest = nearestName(name, policy.services.keys());
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

/** A deny must also hold for `/admin/` when it names `/admin`: most applications serve both alike. */
function withoutFinalSlash(action: Action): Action {
  if (action.kind === 'connect' || action.path.length <= 1 || !action.path.endsWith('/')) {
    return action;
  }
  return { ...action, path: action.path.slice(0, -1) };
}

function unknownCallerReason(policy: CompiledPolicy, caller: Caller | undefined): string {
  if (caller === undefined) return 'the caller showed no identity';
  if (caller.trustDomain !== policy.trustDomain) {
    return `the caller is of the trust domain "${caller.trustDomain}", not of "${policy.trustDomain}"`;
  }
  return `the caller "${clip(caller.name)}" is no service of this mesh`;
}

function notAllowed(asked: {
  readonly service: CompiledService;
  readonly caller: string;
  readonly principals: readonly string[];
  readonly action: Action;
}): Deny {
  const { service, caller, action } = asked;
  const { name, file } = service.policy;
  const named = asked.principals.some((principal) => service.allowRules.has(principal));
  const why = named
    ? `no allow rule in ${file} covers that`
    : `no allow rule in ${file} names ${caller}`;
  return deny({
    code: 'CH2101',
    reason: `${caller} may not ${actionText(action)} on ${name}: ${why}`,
    closest: nearMisses(asked),
    help: allowSuggestion({ service: service.policy, caller, action }),
  });
}
