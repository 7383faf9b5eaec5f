import type { Position } from '../base/finding.ts';
import { workloadId } from '../identity/spiffe-id.ts';
import { matchesPath } from '../model/path-pattern.ts';
import { callersOf } from '../model/tree.ts';
import type { Intent, Route, Rule, Service, ServiceName, ValueMatch } from '../model/types.ts';
import { canonicalize } from '../policy/canonical.ts';
import { conditionsText } from '../policy/condition-text.ts';
import type { PolicyRequest } from '../policy/decide.ts';
import { decideRequest } from '../policy/decide-request.ts';
import { type Answer, type Decision, deny, type RuleRef } from '../policy/decision.ts';
import { noToken, type RequestFacts, unknown } from '../policy/facts.ts';
import { intentPolicy } from '../policy/intent-policy.ts';
import type { Reading } from '../policy/other-readings.ts';
import { rbacPlan } from '../policy/rbac-plan.ts';
import { headersInside, pathInside, proxyRefusal } from './proxy-reading.ts';
import { type WhenReason, whenReasons } from './when-reasons.ts';

/** A request that was not sent. What is left out is not known, and the answer says where it hangs on that. */
export interface WhyQuestion {
  /** A service of this mesh, or a SPIFFE ID. */
  readonly from: string;
  readonly to: string;
  /** Undefined: a TCP connection. */
  readonly request: { readonly method: string; readonly path: string } | undefined;
  readonly facts: RequestFacts;
}

export interface WhyAnswer {
  readonly decision: Decision;
  /** The identity that the callee sees. */
  readonly caller: { readonly id: string; readonly at: Position | undefined };
  readonly callee: { readonly name: string; readonly at: Position | undefined };
  /** The path that rules see; undefined where there is none. */
  readonly path: string | undefined;
  readonly route: WhyRoute | undefined;
  /** The rules of the callee that are named in the answer, by id. */
  readonly rules: ReadonlyMap<string, Rule>;
  /** Where it is decided, and what keeps it out of the proxy. */
  readonly decided: DecidedAt | undefined;
  /** Of rules in `closest` whose `when` does not hold: why, by id. */
  readonly reasons: ReadonlyMap<string, readonly WhenReason[]>;
  /** What each open rule would make of it. */
  readonly open: readonly OpenRule[];
  /** The request names this host, which is not the callee's: whatever the rules say, its proxy answers 421 (CH4111). */
  readonly otherHost: string | undefined;
  /** The caller's own proxy has no way to the callee, so that the request never gets there. */
  readonly staysHome: boolean;
}

interface DecidedAt {
  readonly by: 'proxy' | 'desk';
  /** Why not in the proxy; undefined: it is. */
  readonly because: string | undefined;
}

interface WhyRoute {
  readonly route: Route;
  /** Earlier routes that may take it, when more is known. */
  readonly maybe: readonly Route[];
}

interface OpenRule {
  readonly rule: RuleRef;
  readonly wants: string;
}

/** The same engine as at every host. */
export function why(intent: Intent, given: WhyQuestion): WhyAnswer {
  const question = asRulesSee(given);
  const service = intent.services.get(question.to as ServiceName);
  const caller = callerOf(intent, question.from);
  const read = readRequest(intent, question, caller.id);
  const decision = decided(intent, question, read);
  const rules = new Map(
    [...(service?.allow ?? []), ...(service?.deny ?? [])].map((rule) => [rule.id as string, rule]),
  );
  const path = read.ok && read.action.kind === 'http' ? read.action.path : undefined;
  const otherHost = read.ok && service && read.host !== service.name ? read.host : undefined;
  return {
    decision,
    caller,
    callee: { name: question.to, at: service?.at },
    path,
    route:
      service && question.request && path !== undefined && otherHost === undefined
        ? routeOf(service, question, path)
        : undefined,
    rules,
    decided: service && read.ok ? decidedAt(intent, service, decision, read.others) : undefined,
    reasons: read.ok
      ? whenReasons(intent, requestOf(question, read), settledPart(decision), rules)
      : new Map(),
    open: decision.kind === 'depends' ? decision.rules.map((rule) => openRule(rule, rules)) : [],
    otherHost: question.request && otherHost,
    staysHome: staysHome(intent, question),
  };
}

function asRulesSee(question: WhyQuestion): WhyQuestion {
  const { facts } = question;
  // A connection has no token.
  if (question.request === undefined) return { ...question, facts: { ...facts, token: noToken } };
  if (facts.headers === unknown) return question;
  return { ...question, facts: { ...facts, headers: headersInside(facts.headers) } };
}

/** The decision of `why` alone, for whoever asks about many. */
export function decisionOn(intent: Intent, given: WhyQuestion): Decision {
  const question = asRulesSee(given);
  const { id } = callerOf(intent, question.from);
  return decided(intent, question, readRequest(intent, question, id));
}

function decided(intent: Intent, question: WhyQuestion, read: Read): Decision {
  if (!read.ok) return read.decision;
  return decideRequest(intentPolicy(intent).policy, requestOf(question, read), read.others);
}

function requestOf(
  { to: callee, facts }: WhyQuestion,
  { caller, action }: Extract<Read, { ok: true }>,
): PolicyRequest {
  return { caller, callee, action, facts };
}

/** What the request gets for all that is known; `depends` where not all of it is. */
export function verdictOf(decision: Decision): 'ALLOW' | 'DENY' | 'DEPENDS' {
  switch (decision.kind) {
    case 'allow':
      return 'ALLOW';
    case 'deny':
      return 'DENY';
    case 'depends':
      return 'DEPENDS';
  }
}

/** What it is where none of the open rules holds. */
export function settledPart(decision: Decision): Answer {
  return decision.kind === 'depends' ? decision.otherwise : decision;
}

function callerOf(intent: Intent, from: string): WhyAnswer['caller'] {
  if (from.startsWith('spiffe://')) return { id: from, at: undefined };
  const at = intent.services.get(from as ServiceName)?.at;
  return { id: workloadId(intent.mesh.trustDomain, from as ServiceName), at };
}

type Read =
  | {
      readonly ok: true;
      readonly caller: PolicyRequest['caller'];
      readonly action: PolicyRequest['action'];
      readonly others: readonly Reading[];
      readonly host: string;
    }
  | { readonly ok: false; readonly decision: Decision };

function readRequest(
  { services }: Intent,
  { request, to, facts }: WhyQuestion,
  principal: string,
): Read {
  const { method, path: target } = request ?? { method: 'GET', path: '/' };
  const host = facts.host === unknown ? to : facts.host;
  const headers = facts.headers === unknown ? [] : facts.headers;
  const { protocol = 'http' } = services.get(to as ServiceName) ?? {};
  const refused = proxyRefusal({ method, target, host, headers }, protocol);
  if (refused !== undefined) {
    const { code, status, reason } = refused;
    const whole = `the proxy refuses it ahead of any rule (${status}): ${reason}`;
    return { ok: false, decision: deny({ code, reason: whole }) };
  }
  const path = pathInside(target);
  const canonical = canonicalize({ principal, method, path, host, headers });
  if (!canonical.ok) return { ok: false, decision: deny(canonical.error) };
  const { caller, others, host: named } = canonical.value;
  const action =
    request === undefined
      ? ({ kind: 'connect' } as const)
      : ({ kind: 'http', method, path: canonical.value.path } as const);
  return { ok: true, caller, action, others: request === undefined ? [] : others, host: named };
}

/** A connection is decided by the caller's certificate, and that is always the proxy's. */
function decidedAt(
  intent: Intent,
  service: Service,
  decision: Decision,
  others: readonly Reading[],
): DecidedAt {
  const inProxy: DecidedAt = { by: 'proxy', because: undefined };
  if (service.protocol === 'tcp') return inProxy;
  if (others.length > 0) {
    return {
      by: 'desk',
      because: 'an application could read it otherwise, and the desk judges that, too',
    };
  }
  const decides = service.decide ?? intent.mesh.defaults.decide;
  const plan = rbacPlan(intentPolicy(intent).document, service.name, { decides });
  const [rule] = decision.kind === 'depends' ? decision.rules : [decision.rule];
  const kept = plan?.kept.find((one) => one.rule === rule?.id);
  if (kept !== undefined) return { by: 'desk', because: kept.reason };
  return rule !== undefined
    ? inProxy
    : {
        by: 'desk',
        because: 'what no rule allows is asked there, so that the answer has its reason',
      };
}

function openRule(rule: RuleRef, rules: ReadonlyMap<string, Rule>): OpenRule {
  return { rule, wants: conditionsText(rules.get(rule.id)?.conditions) };
}

/** The first one that takes it; before it, those that take it if more than is known fits. */
function routeOf(
  service: Service,
  { request, facts }: WhyQuestion,
  path: string,
): WhyRoute | undefined {
  const maybe: Route[] = [];
  for (const route of service.routes) {
    const taken = takes(
      route,
      { method: request?.method ?? '', path, query: request?.path ?? '' },
      facts,
    );
    if (taken === 'yes') return { route, maybe };
    if (taken === 'maybe') maybe.push(route);
  }
  return undefined;
}

function takes(
  { match }: Route,
  asked: { readonly method: string; readonly path: string; readonly query: string },
  facts: RequestFacts,
): 'yes' | 'no' | 'maybe' {
  if (match.method !== undefined && match.method !== asked.method) return 'no';
  if (match.path !== undefined && !matchesPath(match.path, asked.path)) return 'no';
  const query = new URLSearchParams(asked.query.split('?').slice(1).join('?'));
  if (!match.query.every(({ name, value }) => fits(value, query.getAll(name)))) return 'no';
  let open = false;
  for (const { name, value } of match.headers) {
    if (facts.headers === unknown) {
      open = true;
      continue;
    }
    const values = facts.headers.flatMap(([other, text]) => (other === name ? [text] : []));
    if (values.length === 0 && facts.moreHeaders) open = true;
    else if (!fits(value, values)) return 'no';
  }
  return open ? 'maybe' : 'yes';
}

function fits(value: ValueMatch['value'], found: readonly string[]): boolean {
  return value.kind === 'present' ? found.length > 0 : found.includes(value.text);
}

function staysHome(intent: Intent, { from, to }: WhyQuestion): boolean {
  const { services } = intent;
  const isEdge = services.has(from as ServiceName) && services.has(to as ServiceName);
  return (
    isEdge && from !== to && !callersOf(intent, to as ServiceName).includes(from as ServiceName)
  );
}
