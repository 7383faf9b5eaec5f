import type { CompiledPolicy, CompiledService } from './compiled-policy.ts';
import { unknownCaller, unknownService } from './decide.ts';
import { type Action, type Deny, deny } from './decision.ts';
import { allowSuggestion } from './suggestion.ts';

/** What an application asked of its own proxy, for which the proxy has no route. */
interface EgressRequest {
  /** The service whose proxy asks. */
  readonly caller: string;
  /** In canonical form; the name of the destination service. */
  readonly host: string;
  readonly action: Action;
}

/**
 * Why a caller's proxy has no way to a host. Never an allow: a proxy has routes to exactly the services that its
 * service may call, so a question about any of these means that the route is not there yet.
 */
export function decideEgress(policy: CompiledPolicy, request: EgressRequest): Deny {
  const caller = { trustDomain: policy.trustDomain, name: request.caller };
  const principals = policy.callers.get(request.caller)?.allow;
  if (principals === undefined) return unknownCaller(policy, caller);
  const service = policy.services.get(request.host);
  if (service === undefined) return unknownService(policy, request.host);
  const mayCall = principals.some((principal) => service.allowRules.has(principal));
  return mayCall ? noWayYet(service, request) : notNamed(service, request);
}

function notNamed(service: CompiledService, { caller, action }: EgressRequest): Deny {
  const { name, file } = service.policy;
  return deny({
    code: 'CH2103',
    reason: `${caller} may not call ${name}: no allow rule in ${file} names it`,
    help: allowSuggestion({ service: service.policy, caller, action }),
  });
}

function noWayYet(service: CompiledService, { caller }: EgressRequest): Deny {
  const { name, protocol } = service.policy;
  if (protocol === 'tcp') {
    return deny({
      code: 'CH2107',
      reason: `${name} speaks TCP and is not reached by a host name`,
      help: `give ${name} a local port under "calls" of ${caller} and connect to that port`,
    });
  }
  return deny({
    code: 'CH2106',
    reason: `${caller} may call ${name}, but its proxy has no route to ${name} yet`,
    help: 'ask again in a moment; if it stays, the proxy does not get its configuration',
  });
}
