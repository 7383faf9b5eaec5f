import type { Intent, Principal, RoleName, Service, ServiceName } from './types.ts';

/** How one intent differs from an earlier one. A service that is the same object is unchanged. */
export interface IntentChanges {
  /** Services that are new or another object than before. */
  readonly services: ReadonlySet<ServiceName>;
  readonly removed: ReadonlySet<ServiceName>;
  /** Services of which some rule may mean other callers than before; holds `services`. */
  readonly ruled: ReadonlySet<ServiceName>;
}

const none: IntentChanges = { services: new Set(), removed: new Set(), ruled: new Set() };

export function intentChanges(before: Intent, after: Intent): IntentChanges {
  if (before === after) return none;
  const services = new Set<ServiceName>();
  const names = new Set<ServiceName>();
  const removed = new Set<ServiceName>();
  for (const [name, service] of after.services) {
    const old = before.services.get(name);
    if (old === service) continue;
    services.add(name);
    if (old === undefined) names.add(name);
  }
  if (before.services.size + names.size !== after.services.size) {
    for (const name of before.services.keys()) {
      if (after.services.has(name)) continue;
      removed.add(name);
      names.add(name);
    }
  }
  return { services, removed, ruled: ruledAnew(before, after, services, names) };
}

/** A rule for any caller, or for a name that came or went, means others now; so does a changed role. */
function ruledAnew(
  before: Intent,
  after: Intent,
  services: ReadonlySet<ServiceName>,
  names: ReadonlySet<ServiceName>,
): ReadonlySet<ServiceName> {
  const roles = changedRoles(before, after);
  if (names.size === 0 && roles.size === 0) return services;
  const ruled = new Set(services);
  const isTouched = (who: Principal): boolean => {
    switch (who.kind) {
      case 'any':
        return names.size > 0;
      case 'service':
        return names.has(who.service);
      case 'role':
        return roles.has(who.role) || who.services.some((name) => names.has(name));
      case 'guest':
        return false;
    }
  };
  // An open route is open to every service, and to nobody else.
  const isRuled = ({ allow, deny, routes }: Service): boolean =>
    allow.some((rule) => rule.from.some(isTouched)) ||
    deny.some((rule) => rule.from.some(isTouched)) ||
    (names.size > 0 && routes.some(({ deskAway }) => deskAway === 'open'));
  for (const service of after.services.values()) if (isRuled(service)) ruled.add(service.name);
  return ruled;
}

function changedRoles(before: Intent, after: Intent): ReadonlySet<RoleName> {
  const [old, now] = [before.mesh, after.mesh];
  if (old.roles === now.roles && old.guests === now.guests) return new Set();
  const names = new Set([...old.roles.keys(), ...now.roles.keys()]);
  return new Set(
    [...names].filter(
      (name) =>
        !sameItems(old.roles.get(name) ?? [], now.roles.get(name) ?? []) ||
        !sameItems(old.guests.get(name) ?? [], now.guests.get(name) ?? []),
    ),
  );
}

export function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a === b || (a.length === b.length && a.every((item, index) => item === b[index]));
}
