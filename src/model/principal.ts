import type { Principal, Rule, ServiceName } from './types.ts';

/** Whether a rule is about requests of this service. */
export function namesCaller({ from }: Pick<Rule, 'from'>, caller: ServiceName): boolean {
  return from.some((principal) => includes(principal, caller));
}

function includes(principal: Principal, caller: ServiceName): boolean {
  switch (principal.kind) {
    case 'any':
      return true;
    case 'service':
      return principal.service === caller;
    case 'role':
      return principal.services.includes(caller);
    case 'guest':
      return false;
  }
}
