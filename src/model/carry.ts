import type { Finding } from '../base/finding.ts';
import type { BuiltIntent } from './build.ts';
import type { Guest } from './condition-types.ts';
import { type Contained, contained, isMisread, isUncontained } from './contained.ts';
import { isPerson } from './guest.ts';
import type { Intent, Mesh, Principal, Rule, Service, ServiceName } from './types.ts';

/**
 * What there is to run of a tree that has errors, for a commit that ran before they were any. It never allows what the commit
 * did not: what is not understood allows nothing, and denies at least what it may have denied.
 */
export interface CarriedIntent {
  readonly intent: Intent;
  readonly errors: readonly Contained[];
}

const closedService = 'the service allows nothing';
const missingService =
  'the service is left out: nobody is told of it, and its proxies are told nothing';

/** Undefined: there is no safe reading. `findings`: all of the tree, as its parts have contained them. */
export function carry(
  built: BuiltIntent | undefined,
  findings: readonly Finding[],
): CarriedIntent | undefined {
  const open = findings.filter(isUncontained);
  const isOfService = ({ at }: Finding): boolean => at?.file.startsWith('services/') === true;
  // What mesh.yaml says is for everybody.
  if (built === undefined || !open.filter(isMisread).every(isOfService)) return undefined;
  const broken = new Set(open.filter(isMisread).map(({ at }) => at?.file));
  const isThere = new Set([...built.services.values()].map(({ draft }) => draft.at.file));
  const errors = findings.flatMap((finding) => {
    if (finding.severity !== 'error') return [];
    const isMissing = !isThere.has(finding.at?.file ?? '');
    return contained(finding, isMissing ? missingService : closedService) as Contained;
  });
  const isAnyMissing = [...broken].some((file) => file !== undefined && !isThere.has(file));
  const reads = whatIsRead(built, isAnyMissing);
  const services = new Map<ServiceName, Service>();
  for (const [name, service] of built.intent.services) {
    const closed = closeRules(service, reads);
    services.set(name, broken.has(service.at.file) ? closeService(closed) : closed);
  }
  const mesh = believed(built);
  const isAsWritten =
    mesh === built.intent.mesh &&
    [...services].every(([name, one]) => one === built.intent.services.get(name));
  return { intent: isAsWritten ? built.intent : { mesh, services }, errors };
}

interface WhatIsRead {
  /** What conditions may read is not all understood. */
  readonly isNamesMisread: boolean;
  /** Tokens of some issuer count as none, and so do the people that they name. */
  readonly isTokensMisread: boolean;
  readonly roles: BuiltIntent['misreadRoles'];
}

/** Nobody knows the attributes and the roles of a service that is missing. */
function whatIsRead(built: BuiltIntent, isAnyMissing: boolean): WhatIsRead {
  const { mesh, misreadRoles, services } = built;
  const isAttributesMisread = services.values().some((one) => one.isAttributesMisread);
  return {
    isNamesMisread:
      mesh.misread.names || misreadRoles.size > 0 || isAttributesMisread || isAnyMissing,
    isTokensMisread: mesh.misread.names,
    roles: misreadRoles,
  };
}

function closeRules(service: Service, reads: WhatIsRead): Service {
  if (!reads.isNamesMisread) return service;
  const allow = service.allow.filter(({ conditions }) => conditions?.when === undefined);
  return { ...service, allow, deny: service.deny.map((rule) => closeDenial(rule, reads)) };
}

function closeDenial(rule: Rule, { isTokensMisread, roles }: WhatIsRead): Rule {
  const isAnybody = rule.from.some(
    (who) =>
      (who.kind === 'role' && roles.has(who.role)) ||
      (isTokensMisread && guestsOf(who).some(isPerson)),
  );
  const { when, token } = rule.conditions ?? {};
  const isBare = when !== undefined || (isTokensMisread && token !== undefined);
  const from: readonly Principal[] = isAnybody ? [{ kind: 'any' }] : rule.from;
  return { ...rule, from, conditions: isBare ? undefined : rule.conditions };
}

function guestsOf(who: Principal): readonly Guest[] {
  switch (who.kind) {
    case 'guest':
      return [who.guest];
    case 'role':
      return who.guests;
    case 'any':
    case 'service':
      return [];
  }
}

function closeService(service: Service): Service {
  const routes = service.routes.map((route) => ({ ...route, deskAway: 'closed' as const }));
  return { ...service, allow: [], routes };
}

function believed({ mesh: { misread }, intent: { mesh } }: BuiltIntent): Mesh {
  if (misread.peers.size + misread.issuers.size === 0) return mesh;
  const peers = new Map([...mesh.peers].filter(([name]) => !misread.peers.has(name)));
  const issuers = new Map([...mesh.issuers].filter(([name]) => !misread.issuers.has(name)));
  return { ...mesh, peers, issuers };
}
