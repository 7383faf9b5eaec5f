import { isPerson } from '../model/guest.ts';
import type { ServiceName } from '../model/types.ts';
import type {
  PolicyDocument,
  PolicyPrincipal,
  PolicyRole,
  PolicyRule,
  ServicePolicy,
} from './document.ts';

/**
 * The services about which a desk may decide otherwise by `next` than by `base`: their rules differ, or something that these
 * look at and that stands elsewhere. May name one too many, and never one too few: what is not named here, and of which no
 * resource differs, is changed for nobody.
 */
export function decidedOtherwise(
  base: PolicyDocument,
  next: PolicyDocument,
): ReadonlySet<ServiceName> {
  if (base === next) return new Set();
  const before = new Map(base.services.map((service) => [service.name, service]));
  const elsewhere = changesElsewhere(base, next, before);
  return new Set(
    next.services
      .filter((service) => {
        const old = before.get(service.name);
        return old === undefined || saysOther(old, service) || looksAt(elsewhere, service);
      })
      .map(({ name }) => name),
  );
}

/** What rules look at beside themselves, and that is another now. */
interface Elsewhere {
  readonly trustDomain: boolean;
  readonly issuers: boolean;
  readonly roles: ReadonlySet<string>;
  /** Of these services the attributes. */
  readonly attributes: ReadonlySet<string>;
  /** Of both sides: whoever is in a role on either. */
  readonly members: ReadonlyMap<string, readonly PolicyRole[]>;
}

function changesElsewhere(
  base: PolicyDocument,
  next: PolicyDocument,
  before: ReadonlyMap<string, ServicePolicy>,
): Elsewhere {
  const members = Map.groupBy([...base.roles, ...next.roles], ({ name }) => name as string);
  const roles = [...members].filter(([, [one, other]]) => !same(one, other));
  const attributes = next.services.filter(({ name, attributes: own }) => {
    const old = before.get(name)?.attributes;
    return old !== own && !same(old, own);
  });
  return {
    trustDomain: base.trustDomain !== next.trustDomain,
    issuers: !same(base.issuers ?? [], next.issuers ?? []),
    roles: new Set(roles.map(([name]) => name)),
    attributes: new Set(attributes.map(({ name }) => name)),
    members,
  };
}

/** A service's policy is the same object for as long as its file says the same; where its rules stand is no matter. */
function saysOther(old: ServicePolicy, now: ServicePolicy): boolean {
  return old !== now && decisive(old) !== decisive(now);
}

function decisive({ protocol, attributes = {}, rules }: ServicePolicy): string {
  return JSON.stringify([protocol, attributes, rules.map(({ at: _, ...rule }) => rule)]);
}

function looksAt(elsewhere: Elsewhere, { rules }: ServicePolicy): boolean {
  if (elsewhere.trustDomain) return true;
  return rules.some(
    (rule) =>
      rule.from.some((who) => who.kind === 'role' && elsewhere.roles.has(who.role)) ||
      (elsewhere.issuers && readsTokens(rule, elsewhere)) ||
      (rule.conditions?.when !== undefined &&
        // `source.roles` names them all.
        (elsewhere.roles.size > 0 || readsAttributes(rule, elsewhere))),
  );
}

function readsTokens({ conditions, from }: PolicyRule, { members }: Elsewhere): boolean {
  if (conditions?.token !== undefined || conditions?.when !== undefined) return true;
  return from.some((who) => {
    if (who.kind === 'guest') return isPerson(who.guest);
    const sides = who.kind === 'role' ? members.get(who.role) : undefined;
    return sides?.some(({ guests }) => guests?.some(isPerson)) ?? false;
  });
}

/** Of whoever may call; what the service says of itself is part of what it says. */
function readsAttributes({ from }: PolicyRule, { attributes, members }: Elsewhere): boolean {
  if (attributes.size === 0) return false;
  const namesOf = (who: PolicyPrincipal): readonly string[] => {
    if (who.kind === 'service') return [who.service];
    if (who.kind !== 'role') return [];
    return (members.get(who.role) ?? []).flatMap(({ services }) => services);
  };
  return from.some(
    (who) => who.kind === 'any' || namesOf(who).some((name) => attributes.has(name)),
  );
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
