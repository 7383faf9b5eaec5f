import { escapeRegex } from '../base/escape-regex.ts';
import type { Route } from '../model/types.ts';
import { compareText, type PolicyDocument, type ServicePolicy } from './document.ts';
import { askedForReadings, overridingHeaders } from './other-readings.ts';
import { type PathStage, pathStage } from './path-stage.ts';
import {
  canonicalHostName,
  canonicalMethod,
  canonicalTarget,
  type PlanInput,
  type PlannedRule,
  type TextMatch,
  type Verdict,
} from './plan-parts.ts';
import { type KeptRule, lookup, plannedRules } from './planned-rules.ts';
import { targetWithMethod } from './query-method.ts';

/**
 * What a proxy may decide by itself about requests to one service, as a plain tree for Envoy's RBAC matcher. It says
 * `allow` and `deny` only where `decide` would, and `ask` for everything else: also for what a deny may cover whose
 * conditions only the desk can read, and for what no rule allows, so that such a denial comes with its reason.
 *
 * Evaluated as guards, stages, fallback, each the `on_no_match` of the one before. A miss inside a table falls out to
 * what encloses it, as a nested matcher's does in Envoy. The path is the one without query, normalised by a hardened
 * listener. TCP is no part of it: connections have neither path nor method.
 */
export interface RbacPlan {
  readonly guards: readonly Guard[];
  /** Denials, what must be asked ahead of any allow, allows, allows with conditions; only those that say something. */
  readonly stages: readonly PathStage[];
  readonly fallback: Verdict;
  /**
   * What denials in audit would do, looked at beside the rest: it decides nothing. `ask` comes first and is for those that
   * the desk alone can hear. It is told of the request, and if it is away the request goes on.
   */
  readonly audits: readonly PathStage[];
  /** Rules that wholly or in part are decided at the desk. */
  readonly kept: readonly KeptRule[];
}

/** Its verdict holds where the whole of the input does not match the regular expression (RE2's), or does, or as `when` says. */
export type Guard =
  | { readonly input: PlanInput; readonly matches: string; readonly verdict: Verdict }
  | { readonly input: PlanInput; readonly unless: string; readonly verdict: Verdict }
  | { readonly input: PlanInput; readonly when: TextMatch; readonly verdict: Verdict };

/** A route of the callee, as far as a proxy opens it while no desk answers. */
export type PlannedRoute = Pick<Route, 'id' | 'deskAway'> & {
  readonly match: Pick<Route['match'], 'method' | 'path'>;
};

/** With the id of the route behind it: what is asked for its sake goes on when nobody answers. */
export const openRoute = 'open-route/';

function opensRoute({ kind, id }: Verdict): boolean {
  return kind === 'ask' && id.startsWith(openRoute);
}

/** The same objects in every plan: what is derived of a verdict is derived once. */
const unlessAllowed: Verdict = { kind: 'ask', id: 'default' };
const deskDecides: Verdict = { kind: 'ask', id: 'desk-decides' };
const unusualPath: Verdict = { kind: 'ask', id: 'unusual-path' };
const unusualMethod: Verdict = { kind: 'ask', id: 'unusual-method' };
const unknownCaller: Verdict = { kind: 'ask', id: 'unknown-caller' };
const severalCredentials: Verdict = { kind: 'ask', id: 'several-credentials' };
const severalReadings: Verdict = { kind: 'ask', id: askedForReadings };
const unusualHost: Verdict = { kind: 'ask', id: 'unusual-host' };
const pathGuard: Guard = { input: 'target', unless: canonicalTarget, verdict: unusualPath };
const methodGuard: Guard = { input: 'method', unless: canonicalMethod, verdict: unusualMethod };
const hostGuard: Guard = { input: 'host', unless: canonicalHostName, verdict: unusualHost };
const credentialsGuard: Guard = {
  input: 'header authorization',
  when: { kind: 'list' },
  verdict: severalCredentials,
};

/** Only the desk can tell whether a request is allowed in all of its readings; see `otherReadings`. */
const overrideGuards: readonly Guard[] = [
  ...[...overridingHeaders.keys()].map(
    (name): Guard => ({
      input: `header ${name}`,
      when: { kind: 'present' },
      verdict: severalReadings,
    }),
  ),
  { input: 'target', matches: targetWithMethod, verdict: severalReadings },
];

export interface PlanOptions {
  /** `desk` has every request asked about. */
  readonly decides?: 'proxy' | 'desk';
  /** In their order: the first that may take a request counts. */
  readonly routes?: readonly PlannedRoute[];
}

/** Undefined for a service that is not in the document. */
export function rbacPlan(
  document: PolicyDocument,
  name: string,
  { decides = 'proxy', routes = [] }: PlanOptions = {},
): RbacPlan | undefined {
  const service = lookup(document).services.get(name);
  if (service === undefined) return undefined;
  const open = plannedRoutes(routes);
  return decides === 'desk'
    ? askedPlan(document, service, open)
    : proxyPlan(document, service, open);
}

function askedPlan(
  document: PolicyDocument,
  service: ServicePolicy,
  open: readonly PlannedRule[],
): RbacPlan {
  const reason = 'the service has every request decided at the desk';
  const kept = service.rules.map(({ id }) => ({ rule: id, reason }));
  const asked = { fallback: deskDecides, audits: [], kept };
  // The access log is to tell of those, whoever decides.
  if (open.length === 0) return { guards: overrideGuards, stages: [], ...asked };
  // What a denial may be about is open to nobody.
  const { deny, mustAsk } = plannedRules(document, service);
  const denied = [...deny, ...mustAsk].map((rule) => ({ ...rule, verdict: deskDecides }));
  return {
    guards: guards(document, [...denied, ...open]),
    stages: stagesOf([[denied, 'deny'], ...routeStages(open)]),
    ...asked,
  };
}

function proxyPlan(
  document: PolicyDocument,
  service: ServicePolicy,
  open: readonly PlannedRule[],
): RbacPlan {
  const { deny, mustAsk, allow, allowIf, hear, audit, kept } = plannedRules(document, service);
  return {
    guards: guards(document, [...deny, ...mustAsk, ...allow, ...allowIf, ...open]),
    stages: stagesOf([
      ...([
        [deny, 'deny'],
        [mustAsk, 'deny'],
        [allow, 'allow'],
        [allowIf, 'allow'],
      ] as const),
      ...routeStages(open),
    ]),
    fallback: unlessAllowed,
    audits: stagesOf([
      [hear, 'deny'],
      [audit, 'deny'],
    ]),
    kept,
  };
}

type RulesOfStage = readonly [rules: readonly PlannedRule[], effect: 'allow' | 'deny'];

function stagesOf(all: readonly RulesOfStage[]): readonly PathStage[] {
  return all.flatMap(([rules, effect]) => pathStage(rules, effect) ?? []);
}

/** One stage each, so that their order counts. */
function routeStages(open: readonly PlannedRule[]): readonly RulesOfStage[] {
  return open.map((route) => [[route], 'allow']);
}

/** Up to the last that is open. One that looks at headers may take a request, and then it is closed. */
function plannedRoutes(routes: readonly PlannedRoute[]): readonly PlannedRule[] {
  const last = routes.findLastIndex(({ deskAway }) => deskAway === 'open');
  return routes.slice(0, last + 1).map(({ id, deskAway, match: { method, path } }) => ({
    verdict: deskAway === 'open' ? { kind: 'ask', id: `${openRoute}${id}` } : unlessAllowed,
    operations: [{ method: method ?? '*', segments: path?.segments ?? ['**'] }],
    callers: [],
    isForAnyone: true,
    when: [],
  }));
}

function guards(document: PolicyDocument, planned: readonly PlannedRule[]): Guard[] {
  // These have no one reading, whatever the rules look at; the access log is to tell of the first ones, whoever decides.
  const found = [...overrideGuards, pathGuard];
  if (planned.length > 0) found.push(hostGuard, credentialsGuard);
  // Only a rule for any method can cover an odd method.
  if (planned.some(({ operations }) => operations.some(({ method }) => method === '*'))) {
    found.push(methodGuard);
  }
  // Likewise for callers: strangers, and peers with several URI SANs, which Envoy joins by commas.
  const ids = callerShape(document, planned);
  if (ids !== undefined) found.push({ input: 'caller', unless: ids, verdict: unknownCaller });
  return found;
}

/** Undefined: no rule of the plan is for anyone. */
function callerShape(
  document: PolicyDocument,
  planned: readonly PlannedRule[],
): string | undefined {
  const forAnyone = planned.filter(({ isForAnyone }) => isForAnyone);
  const own = `spiffe://${escapeRegex(document.trustDomain)}/`;
  // An open route is open to services of the mesh.
  if (forAnyone.some(({ verdict }) => verdict.kind === 'allow' || opensRoute(verdict))) {
    return `${own}(?:${anyService(document)})`;
  }
  // A denial for everybody need not know who is still there, and so does not change with every service that comes.
  return forAnyone.some(({ verdict }) => verdict.kind === 'deny') ? `${own}[^,/]+` : undefined;
}

/** Of a large mesh a long text, and each service that anyone may call has it. */
const anyServices = new WeakMap<PolicyDocument, string>();

function anyService(document: PolicyDocument): string {
  const names = (): string =>
    document.services
      .map((service) => escapeRegex(service.name))
      .sort(compareText)
      .join('|');
  const known = anyServices.get(document) ?? names();
  anyServices.set(document, known);
  return known;
}
