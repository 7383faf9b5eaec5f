import type { AttributeValue, Conditions, Guest, TokenIssuer } from '../model/condition-types.ts';
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

/**
 * Raised when a reader of the older form would decide otherwise. A document is of the oldest version that can say it, so
 * that an agent of before takes it for as long as nothing in it is new.
 */
type DocumentVersion = 1 | 2 | 3;

/**
 * All that deciding needs, as plain JSON: the control plane hands it to every policy desk. Equal intents give equal
 * documents: services, roles and rules are sorted.
 */
export interface PolicyDocument {
  readonly version: DocumentVersion;
  readonly trustDomain: TrustDomain;
  /** Whose tokens are believed; none in version 1. */
  readonly issuers?: readonly PolicyIssuer[];
  readonly roles: readonly PolicyRole[];
  readonly services: readonly ServicePolicy[];
}

export type PolicyIssuer = Omit<TokenIssuer, 'at'>;

export interface PolicyRole {
  readonly name: RoleName;
  readonly services: readonly ServiceName[];
  readonly guests?: readonly Guest[];
}

export interface ServicePolicy {
  readonly name: ServiceName;
  readonly protocol: Protocol;
  /** The file that grants access to this service. */
  readonly file: string;
  /** What it says of itself, for conditions. */
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly rules: readonly PolicyRule[];
}

export interface PolicyRule {
  readonly id: RuleId;
  readonly effect: 'allow' | 'deny';
  readonly from: readonly PolicyPrincipal[];
  readonly to: readonly Operation[];
  readonly conditions?: Conditions;
  /** It decides nothing, and says what it would have done. */
  readonly mode?: 'audit';
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
  | { readonly kind: 'role'; readonly role: RoleName }
  | { readonly kind: 'guest'; readonly guest: Guest };

export function policyDocument(intent: Intent): PolicyDocument {
  const { mesh } = intent;
  const services = sortedByName([...intent.services.values()].map(servicePolicy));
  const inRoles = [...mesh.guests.values()].flat();
  const version: DocumentVersion =
    inRoles.some(isBound) || services.some((service) => versionFor(service) === 3)
      ? 3
      : inRoles.length > 0 || services.some((service) => versionFor(service) === 2)
        ? 2
        : 1;
  const roles = [...mesh.roles]
    .map(([name, members]): PolicyRole => {
      const guests = mesh.guests.get(name);
      return { name, services: members, ...(guests === undefined ? {} : { guests }) };
    })
    .sort((a, b) => compareText(a.name, b.name));
  const { trustDomain } = mesh;
  if (version === 1) return { version, trustDomain, roles, services: services.map(plainService) };
  const issuers = [...mesh.issuers.values()].map(({ at: _, ...issuer }) => issuer);
  return { version, trustDomain, issuers, roles, services };
}

const versions = new WeakMap<ServicePolicy, DocumentVersion>();

/** A reader of an older one would decide otherwise about it. */
function versionFor(service: ServicePolicy): DocumentVersion {
  const known = versions.get(service) ?? newVersionFor(service);
  versions.set(service, known);
  return known;
}

function newVersionFor({ rules }: ServicePolicy): DocumentVersion {
  const guests = rules.flatMap(({ from }) =>
    from.flatMap((who) => (who.kind === 'guest' ? [who.guest] : [])),
  );
  if (guests.some(isBound)) return 3;
  const hasMore = rules.some(
    ({ conditions, mode }) => conditions !== undefined || mode !== undefined,
  );
  return guests.length > 0 || hasMore ? 2 : 1;
}

/** A person as one issuer names them, whom a reader of version 2 would never meet. */
function isBound(guest: Guest): boolean {
  return guest.startsWith('person:') && guest.includes('/');
}

const plain = new WeakMap<ServicePolicy, ServicePolicy>();

/** Without what only conditions look at. */
function plainService(service: ServicePolicy): ServicePolicy {
  if (service.attributes === undefined) return service;
  const { attributes: _, ...rest } = service;
  const known = plain.get(service) ?? rest;
  plain.set(service, known);
  return known;
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
    ...(service.attributes.size === 0
      ? {}
      : { attributes: Object.fromEntries(service.attributes) }),
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
    ...(rule.conditions === undefined ? {} : { conditions: rule.conditions }),
    ...(rule.mode === 'audit' ? { mode: rule.mode } : {}),
    at: { file: rule.at.file, line: rule.at.line },
  };
}

function policyPrincipal(principal: Principal): PolicyPrincipal {
  return principal.kind === 'role' ? { kind: 'role', role: principal.role } : principal;
}
