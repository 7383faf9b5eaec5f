import type { Guest } from './condition-types.ts';
import type { Principal, Rule, Service, ServiceName } from './types.ts';

const spiffeScheme = 'spiffe://';
/** All of a trust domain. */
const everyone = '/**';

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

/** Whether callers of other trust domains may come to it: others need not be believed there. */
export function hasGuests({ allow }: Pick<Service, 'allow'>): boolean {
  return allow.some((rule) => peerGuests(rule).length > 0);
}

/** The guests of peers that a rule names, itself or by a role. */
export function peerGuests({ from }: Pick<Rule, 'from'>): readonly Guest[] {
  return from
    .flatMap((who) => (who.kind === 'guest' ? [who.guest] : who.kind === 'role' ? who.guests : []))
    .filter((guest) => guest.startsWith(spiffeScheme));
}

/** Undefined: the guest is one caller. */
export function wholeTrustDomain(guest: Guest): string | undefined {
  return guest.endsWith(everyone) ? guest.slice(spiffeScheme.length, -everyone.length) : undefined;
}

/** Whether a rule is about this guest. A deny for everybody is for guests, too; an allow is for this mesh only. */
export function namesGuest(rule: Pick<Rule, 'from' | 'effect'>, guest: Guest): boolean {
  if (rule.effect === 'deny' && rule.from.some(({ kind }) => kind === 'any')) return true;
  return peerGuests(rule).some((named) => {
    const domain = wholeTrustDomain(named);
    return (
      named === guest || (domain !== undefined && guest.startsWith(`${spiffeScheme}${domain}/`))
    );
  });
}
