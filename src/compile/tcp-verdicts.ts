import { escapeRegex } from '../base/escape-regex.ts';
import { workloadId } from '../identity/spiffe-id.ts';
import type { Guest } from '../model/condition-types.ts';
import { namesCaller, namesGuest, peerGuests, wholeTrustDomain } from '../model/principal.ts';
import type { Intent, Rule, Service } from '../model/types.ts';
import { compareText } from '../policy/document.ts';

/** The path of one SPIFFE ID. It holds no comma, by which Envoy joins the names of a peer that has several. */
const idSegment = '(?:[A-Za-z0-9_-]|\\.[A-Za-z0-9_-]|\\.\\.[A-Za-z0-9._-])[A-Za-z0-9._-]*';

/** Which rule decides about a caller's connections; nobody else may connect. */
export interface Verdicts {
  /** By SPIFFE ID. */
  readonly exact: ReadonlyMap<string, Rule>;
  /** By trust domain, for those who are not named themselves. */
  readonly domains: ReadonlyMap<string, Rule>;
  /** For whoever else comes: a denial or none. */
  readonly others: Rule | undefined;
}

interface TcpVerdicts {
  readonly enforced: Verdicts;
  /** Denials in audit, which decide nothing; undefined: there are none. */
  readonly audits: Verdicts | undefined;
}

/**
 * A connection has no request: all that rules look at is who comes. Every service of the mesh is held against them one by one,
 * and so is every guest that they name, since a denial takes away from what an allow gives to many.
 */
export function tcpVerdicts(intent: Intent, { allow, deny }: Service): TcpVerdicts {
  const rules = [...deny, ...allow];
  const guests = [...new Set(rules.flatMap(peerGuests))].sort();
  const audits = deny.filter((rule) => !isEnforced(rule));
  return {
    enforced: verdicts(intent, rules.filter(isEnforced), guests),
    audits: audits.length === 0 ? undefined : verdicts(intent, audits, guests),
  };
}

function isEnforced({ mode }: Rule): boolean {
  return mode === 'enforce';
}

function isAnybody({ kind }: Rule['from'][number]): boolean {
  return kind === 'any';
}

type Names = (rule: Pick<Rule, 'effect' | 'from'>) => boolean;

/** A denial; of several one that names the caller before one for everybody, then the smallest id; see `rule-order.ts`. */
function namedRule(rules: readonly Rule[], names: Names): Rule | undefined {
  const found = rules.filter(names).toSorted((a, b) => compareText(a.id, b.id));
  const isNamed = ({ effect, from }: Rule): boolean =>
    names({ effect, from: from.filter((who) => !isAnybody(who)) });
  const denials = found.filter(({ effect }) => effect === 'deny');
  const counting = denials.length > 0 ? denials : found;
  return counting.find(isNamed) ?? counting[0];
}

function verdicts(
  { mesh, services }: Intent,
  rules: readonly Rule[],
  guests: readonly Guest[],
): Verdicts {
  const exact = new Map<string, Rule>();
  for (const caller of [...services.keys()].sort()) {
    const rule = namedRule(rules, (one) => namesCaller(one, caller));
    if (rule !== undefined) exact.set(workloadId(mesh.trustDomain, caller), rule);
  }
  const domains = new Map<string, Rule>();
  for (const guest of guests) {
    const rule = namedRule(rules, (one) => namesGuest(one, guest));
    if (rule === undefined) continue;
    const domain = wholeTrustDomain(guest);
    if (domain === undefined) exact.set(guest, rule);
    else domains.set(domain, rule);
  }
  const others = namedRule(rules, ({ effect, from }) => effect === 'deny' && from.some(isAnybody));
  return { exact, domains, others };
}

/** Every SPIFFE ID of the trust domain but its own. */
export function trustDomainRegex(domain: string): string {
  return `${escapeRegex(`spiffe://${domain}`)}(?:/${idSegment})+`;
}
