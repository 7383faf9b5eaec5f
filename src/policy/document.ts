import type {
  Intent,
  Operation,
  Principal,
  Protocol,
  RoleName,
  Rule,
  RuleId,
  Service,
  ServiceName,
  TrustDomain,
} from '../model/types.ts';

/** Raised when a reader of the older form would decide otherwise. */
export const documentVersion = 1;

/**
 * All that deciding needs, as plain JSON: the control plane hands it to every policy desk. Equal intents give equal
 * documents: services, roles and rules are sorted.
 */
export interface PolicyDocument {
  readonly version: typeof documentVersion;
  readonly trustDomain: TrustDomain;
  readonly roles: readonly PolicyRole[];
  readonly services: readonly ServicePolicy[];
}

export interface PolicyRole {
  readonly name: RoleName;
  readonly services: readonly ServiceName[];
}

export interface ServicePolicy {
  readonly name: ServiceName;
  readonly protocol: Protocol;
  /** The file that grants access to this service. */
  readonly file: string;
  readonly rules: readonly PolicyRule[];
}

export interface PolicyRule {
  readonly id: RuleId;
  readonly effect: 'allow' | 'deny';
  readonly from: readonly PolicyPrincipal[];
  readonly to: readonly Operation[];
  readonly at: Place;
}

export interface Place {
  readonly file: string;
  readonly line: number;
}

/** As in the model, but a role's members stand once in the document. */
export type PolicyPrincipal =
  | { readonly kind: 'any' }
  | { readonly kind: 'service'; readonly service: ServiceName }
  | { readonly kind: 'role'; readonly role: RoleName };

export function policyDocument(intent: Intent): PolicyDocument {
  return {
    version: documentVersion,
    trustDomain: intent.mesh.trustDomain,
    roles: [...intent.mesh.roles]
      .map(([name, services]) => ({ name, services }))
      .sort((a, b) => compareText(a.name, b.name)),
    services: sortedByName([...intent.services.values()].map(servicePolicy)),
  };
}

/** A look is cheaper than a sort, and services mostly are in order. */
function sortedByName(services: ServicePolicy[]): readonly ServicePolicy[] {
  const isSorted = services.every(({ name }, index) => name >= (services[index - 1]?.name ?? ''));
  return isSorted ? services : services.sort((a, b) => compareText(a.name, b.name));
}

/** By code unit, so that the order does not depend on a locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A service never changes, so neither does its policy. */
const policies = new WeakMap<Service, ServicePolicy>();

function servicePolicy(service: Service): ServicePolicy {
  const known = policies.get(service) ?? newPolicy(service);
  policies.set(service, known);
  return known;
}

function newPolicy(service: Service): ServicePolicy {
  return {
    name: service.name,
    protocol: service.protocol,
    file: service.at.file,
    rules: [...service.allow, ...service.deny]
      .map(policyRule)
      .sort((a, b) => compareText(a.id, b.id)),
  };
}

function policyRule(rule: Rule): PolicyRule {
  return {
    id: rule.id,
    effect: rule.effect,
    from: rule.from.map(policyPrincipal),
    to: rule.to,
    at: { file: rule.at.file, line: rule.at.line },
  };
}

function policyPrincipal(principal: Principal): PolicyPrincipal {
  return principal.kind === 'role' ? { kind: 'role', role: principal.role } : principal;
}
