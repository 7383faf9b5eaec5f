import type { Conditions } from '../model/condition-types.ts';
import { isPerson } from '../model/guest.ts';
import type { ValueMatch } from '../model/types.ts';
import {
  compareText,
  type PolicyDocument,
  type PolicyPrincipal,
  type PolicyRule,
  type ServicePolicy,
} from './document.ts';
import { type Clause, isComparable, type PlannedRule, type Verdict } from './plan-parts.ts';
import { requestOf } from './rule-parts.ts';

/** A rule that the desk decides, wholly or in part. */
export interface KeptRule {
  readonly rule: string;
  /** Why, as a part of a sentence. */
  readonly reason: string;
}

/** Each list in the order of rule ids. */
interface PlannedRules {
  readonly deny: readonly PlannedRule[];
  /** Denials that the desk decides, as all requests that they may be about. */
  readonly mustAsk: readonly PlannedRule[];
  readonly allow: readonly PlannedRule[];
  readonly allowIf: readonly PlannedRule[];
  /** Denials in audit that the desk alone can hear, as all requests that they may be about. */
  readonly hear: readonly PlannedRule[];
  /** Denials in audit. */
  readonly audit: readonly PlannedRule[];
  readonly kept: readonly KeptRule[];
}

const byToken = 'its token is verified at the desk';
const byCel = 'its condition in CEL is decided at the desk';
const ofPeople = 'a person is known by a token, which is verified at the desk';
const ofGuests = 'callers of other trust domains are told apart at the desk';
const deniesHosts = 'a host in a deny may be written in several ways';
const allowsInAudit = 'in audit it lets nothing in, and what is not let in is decided at the desk';

export function plannedRules(document: PolicyDocument, service: ServicePolicy): PlannedRules {
  const planned = {
    deny: [] as PlannedRule[],
    mustAsk: [] as PlannedRule[],
    allow: [] as PlannedRule[],
    allowIf: [] as PlannedRule[],
    hear: [] as PlannedRule[],
    audit: [] as PlannedRule[],
  };
  const kept: KeptRule[] = [];
  for (const rule of service.rules.toSorted((a, b) => compareText(a.id, b.id))) {
    const found = new Set([...whoIsKept(document, rule), ...placeRule(document, rule, planned)]);
    if (found.size > 0) kept.push({ rule: rule.id, reason: [...found].join('; ') });
  }
  return { ...planned, kept };
}

type Growing = Readonly<Record<Exclude<keyof PlannedRules, 'kept'>, PlannedRule[]>>;

/** Gives the reasons for which the desk decides about it. */
function placeRule(
  document: PolicyDocument,
  rule: PolicyRule,
  planned: Growing,
): readonly string[] {
  if (rule.mode === 'audit') return placeAudit(document, rule, planned);
  return rule.effect === 'allow'
    ? placeAllow(document, rule, planned)
    : placeDeny(document, rule, planned);
}

function placeAllow(
  document: PolicyDocument,
  rule: PolicyRule,
  { allow, allowIf }: Growing,
): readonly string[] {
  const verdict: Verdict = { kind: 'allow', id: rule.id };
  const { conditions } = rule;
  if (conditions === undefined) {
    allow.push(plannedRule(document, rule, verdict, []));
    return [];
  }
  const reasons = [
    ...deskOnly(conditions),
    ...conditions.headers.flatMap(({ name, value }) =>
      value.kind === 'present' || isComparable(value.text)
        ? []
        : [`the value of the header ${name} may be several, or is not plain`],
    ),
  ];
  if (reasons.length > 0) return reasons;
  const hosts = hostClauses(conditions.hosts);
  const when = [...conditions.headers.map(oneLine), ...hosts];
  allowIf.push(plannedRule(document, rule, verdict, when));
  // A rule that stands behind it is not to be named in its place.
  const maybe = conditions.headers.map(maybeSeveral);
  if (conditions.headers.some(({ value }) => value.kind === 'present')) {
    allowIf.push(plannedRule(document, rule, { kind: 'ask', id: rule.id }, [...maybe, ...hosts]));
  }
  return [];
}

function oneLine({ name, value }: ValueMatch): Clause {
  return {
    input: `header ${name}`,
    match: value.kind === 'present' ? { kind: 'single' } : { kind: 'exact', text: value.text },
  };
}

/** What holds a comma may be one line or several: only the desk sees which. */
function maybeSeveral(match: ValueMatch): Clause {
  const clause = oneLine(match);
  return match.value.kind === 'present' ? { ...clause, match: match.value } : clause;
}

function hostClauses(hosts: readonly string[]): readonly Clause[] {
  const [first] = hosts;
  if (first === undefined) return [];
  const match = hosts.length === 1 ? { kind: 'exact' as const, text: first } : undefined;
  return [{ input: 'host', match: match ?? { kind: 'any-of', texts: hosts } }];
}

/** Where a token may be; without it no deny holds that wants one, or that names a person. */
const hasCredentials: Clause = { input: 'header authorization', match: { kind: 'present' } };

function placeDeny(
  document: PolicyDocument,
  rule: PolicyRule,
  { deny, mustAsk }: Growing,
): readonly string[] {
  const { conditions, id } = rule;
  const [asked, ...people] = askedAbout(document, rule);
  if (conditions === undefined) deny.push({ ...asked, verdict: { kind: 'deny', id } });
  else mustAsk.push(asked);
  mustAsk.push(...people);
  if (conditions === undefined) return [];
  return [
    ...deskOnly(conditions),
    ...conditions.headers.map(({ name }) => `the header ${name} in a deny may come as a list`),
    ...(conditions.hosts.length > 0 ? [deniesHosts] : []),
  ];
}

/** Every request that a denial may be about, by what a proxy sees of it. */
function askedAbout(
  document: PolicyDocument,
  rule: PolicyRule,
): readonly [PlannedRule, ...PlannedRule[]] {
  const asked = plannedRule(document, rule, { kind: 'ask', id: rule.id }, mayHold(rule));
  return [asked, ...aboutPeople(document, rule)];
}

/** Whoever calls may bring the token of somebody whom the rule names. */
function aboutPeople(document: PolicyDocument, rule: PolicyRule): readonly PlannedRule[] {
  const isForAnyone = rule.from.some(({ kind }) => kind === 'any');
  if (isForAnyone || !namesPeople(document, rule)) return [];
  const when = [...mayHold(rule), hasCredentials];
  const asked = plannedRule(document, rule, { kind: 'ask', id: rule.id }, when);
  return [{ ...asked, callers: [], isForAnyone: true }];
}

/** Without the header it does not hold, whatever else does. */
function mayHold({ conditions }: PolicyRule): readonly Clause[] {
  const { headers = [], token } = conditions ?? {};
  return [
    ...headers.map(({ name }): Clause => ({ input: `header ${name}`, match: { kind: 'present' } })),
    ...(token === undefined ? [] : [hasCredentials]),
  ];
}

/** What a proxy can tell of it is in its log. The rest the desk hears, which is told of all that it may be about. */
function placeAudit(
  document: PolicyDocument,
  rule: PolicyRule,
  { audit, hear }: Growing,
): readonly string[] {
  if (rule.effect === 'allow') return [allowsInAudit];
  const { headers, hosts } = rule.conditions ?? { headers: [], hosts: [] };
  const reasons = [
    ...(rule.conditions === undefined ? [] : deskOnly(rule.conditions)),
    ...headers.flatMap(({ name, value }) =>
      value.kind === 'present' || isComparable(value.text)
        ? []
        : [`the value of the header ${name} is not plain`],
    ),
  ];
  if (reasons.length > 0) {
    hear.push(...askedAbout(document, rule));
    return reasons.map((reason) => `${reason}, also in audit`);
  }
  const when = [...headers.map(anyLine), ...hostClauses(hosts)];
  audit.push(plannedRule(document, rule, { kind: 'deny', id: rule.id }, when));
  hear.push(...aboutPeople(document, rule));
  return [];
}

function anyLine({ name, value }: ValueMatch): Clause {
  return {
    input: `header ${name}`,
    match: value.kind === 'present' ? value : { kind: 'item', text: value.text },
  };
}

function deskOnly({ token, when }: Conditions): readonly string[] {
  return [...(token === undefined ? [] : [byToken]), ...(when === undefined ? [] : [byCel])];
}

function plannedRule(
  document: PolicyDocument,
  rule: PolicyRule,
  verdict: Verdict,
  when: readonly Clause[],
): PlannedRule {
  const operations = rule.to.flatMap((to) => (to.kind === 'connect' ? [] : [requestOf(to)]));
  const isForAnyone = rule.from.some(({ kind }) => kind === 'any');
  return { verdict, operations, callers: callersOf(document, rule), isForAnyone, when };
}

function callersOf(document: PolicyDocument, { from }: PolicyRule): PlannedRule['callers'] {
  const { roles } = lookup(document);
  const callers = new Set<string>();
  const add = (name: string): void => {
    const id = spiffeIdOf(document, name);
    if (id !== undefined) callers.add(id);
  };
  for (const who of from) {
    if (who.kind === 'service') add(who.service);
    if (who.kind === 'role') for (const name of roles.get(who.role)?.services ?? []) add(name);
  }
  return [...callers];
}

/** The same text in every plan. A name that is no service has no identity that `decide` would take. */
function spiffeIdOf(document: PolicyDocument, name: string): string | undefined {
  const { services, ids } = lookup(document);
  if (!services.has(name)) return undefined;
  const id = ids.get(name) ?? `spiffe://${document.trustDomain}/${name}`;
  ids.set(name, id);
  return id;
}

function whoIsKept(document: PolicyDocument, rule: PolicyRule): readonly string[] {
  const guests = rule.from.flatMap((who) => guestsOf(document, who));
  return [
    ...(guests.some(isPerson) ? [ofPeople] : []),
    ...(guests.some((guest) => !isPerson(guest)) ? [ofGuests] : []),
  ];
}

function namesPeople(document: PolicyDocument, rule: PolicyRule): boolean {
  return rule.from.some((who) => guestsOf(document, who).some(isPerson));
}

function guestsOf(document: PolicyDocument, who: PolicyPrincipal): readonly string[] {
  if (who.kind === 'guest') return [who.guest];
  return who.kind === 'role' ? (lookup(document).roles.get(who.role)?.guests ?? []) : [];
}

interface Lookup {
  readonly services: ReadonlyMap<string, ServicePolicy>;
  readonly roles: ReadonlyMap<string, PolicyDocument['roles'][number]>;
  /** Of the services that were asked for. */
  readonly ids: Map<string, string>;
}

/** Derived once for each document, which never changes: a plan is made for each of its services. */
const lookups = new WeakMap<PolicyDocument, Lookup>();

export function lookup(document: PolicyDocument): Lookup {
  const known = lookups.get(document) ?? {
    services: new Map(document.services.map((service) => [service.name, service])),
    roles: new Map(document.roles.map((role) => [role.name, role])),
    ids: new Map<string, string>(),
  };
  lookups.set(document, known);
  return known;
}
