import type { RoleName, ServiceName } from '../model/types.ts';
import {
  compareText,
  type PolicyDocument,
  type PolicyPrincipal,
  type PolicyRole,
  type ServicePolicy,
} from './document.ts';

/**
 * The policy of a host on which some services are ahead: theirs as `next` says, all others as `base` does. A role whose
 * members differ stands in it twice, since both are meant somewhere.
 */
export function mixDocuments(
  base: PolicyDocument,
  next: PolicyDocument,
  ahead: ReadonlySet<ServiceName>,
): PolicyDocument {
  if (ahead.size === 0) return base;
  const membersBefore = new Map(base.roles.map((role) => [role.name, membersOf(role)]));
  const renamed = new Map<RoleName, RoleName>();
  for (const role of next.roles) {
    const { name } = role;
    const before = membersBefore.get(name);
    if (before !== undefined && before !== membersOf(role)) {
      renamed.set(name, `${name}${nextMark}` as RoleName);
    }
  }
  const nameOf = (name: RoleName): RoleName => renamed.get(name) ?? name;
  const fromNext = next.services
    .filter(({ name }) => ahead.has(name))
    .map((service) => withRoles(service, nameOf));
  const fromBase = base.services.filter(({ name }) => !ahead.has(name));
  const added = next.roles
    .filter(({ name }) => renamed.has(name) || !membersBefore.has(name))
    .map((role): PolicyRole => ({ ...role, name: nameOf(role.name) }));
  const issuers = [...(base.issuers ?? [])];
  const known = new Set(issuers.map(({ name }) => name));
  issuers.push(...(next.issuers ?? []).filter(({ name }) => !known.has(name)));
  return {
    ...base,
    version: base.version > next.version ? base.version : next.version,
    ...(issuers.length === 0 ? {} : { issuers }),
    roles: [...base.roles, ...added].sort((a, b) => compareText(a.name, b.name)),
    services: [...fromBase, ...fromNext].sort((a, b) => compareText(a.name, b.name)),
  };
}

function membersOf({ services, guests }: PolicyRole): string {
  return [...services, ...(guests ?? [])].join();
}

/** No role name holds it. */
const nextMark = '+';

function withRoles(service: ServicePolicy, nameOf: (name: RoleName) => RoleName): ServicePolicy {
  const principal = (from: PolicyPrincipal): PolicyPrincipal =>
    from.kind === 'role' ? { kind: 'role', role: nameOf(from.role) } : from;
  const rules = service.rules.map((rule) => ({ ...rule, from: rule.from.map(principal) }));
  return { ...service, rules };
}
