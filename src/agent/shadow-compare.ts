import { canonicalHost } from '../policy/canonical-host.ts';
import { canonicalPath } from '../policy/canonical-path.ts';
import { canonicalCaller } from '../policy/canonical-principal.ts';
import type { CompiledPolicy } from '../policy/compiled-policy.ts';
import { decideSeen } from '../policy/decide-seen.ts';
import { type Action, type Decision, deny } from '../policy/decision.ts';
import { noToken, nothingKnown, type RequestFacts, unknown } from '../policy/facts.ts';
import { pathTemplate } from '../policy/path-template.ts';
import { type ShadowKey, type ShadowSample, shadowEffect } from '../policy/shadow.ts';
import { type Asked, sideOf } from '../serve/authz/check-handler.ts';
import { headerOf } from '../serve/authz/check-request.ts';
import { decideShadow, noWayYet } from '../serve/authz/decide-shadow.ts';
import { grantUsed, type Outcome } from '../serve/authz/decision-record.ts';
import type { SeenRequest } from './seen-request.ts';

/** A request under both policies. */
export interface Compared {
  /** Undefined: both come to the same. */
  readonly key: ShadowKey | undefined;
  readonly sample: ShadowSample;
}

/** Of what is shown of a request. */
const shownMax = 256;

/** What the desk has decided. Undefined: it cannot be compared. */
export function compareAsked(
  shadow: CompiledPolicy,
  { decision: live, facts, fault }: Outcome,
  asked: Asked,
): Compared | undefined {
  const isOpen = live.kind === 'deny' && live.code === noWayYet;
  if (facts === undefined || fault !== undefined || isOpen) return undefined;
  const own = decideShadow(shadow, facts, asked);
  // Grants stand beside every commit, and only a deny rule goes before them.
  const isGranted = grantUsed(live) !== undefined && own.kind === 'deny' && own.code === 'CH2101';
  const decision = isGranted ? live : own;
  const { http, principal } = facts;
  const { service } = asked;
  const isEgress = sideOf(facts) === 'egress';
  const host = canonicalHost(http?.host ?? '');
  const key = keyOf(decision, {
    service,
    caller: isEgress ? `spiffe://${shadow.trustDomain}/${service}` : principal.slice(0, shownMax),
    callee: isEgress ? (host.ok ? host.value : '') : service,
    method: http?.method.slice(0, shownMax) ?? 'connect',
    path: templateOf(http?.path ?? ''),
    live: live.kind,
    ...given('liveRule', live.rule?.id),
    ...given('liveCode', live.kind === 'deny' ? live.code : undefined),
  });
  const requestId = headerOf(http, 'x-request-id');
  return { key, sample: sampleOf(asked.timeMs, http?.path ?? '', requestId, asked.id) };
}

/** What a proxy of this service has decided by itself. Undefined: its log does not say how. */
export function compareSeen(
  policies: { readonly live: CompiledPolicy; readonly shadow: CompiledPolicy },
  service: string,
  seen: SeenRequest,
): Compared | undefined {
  if (seen.verdict === undefined) return undefined;
  const { verdict, rule, code } = seen.verdict;
  const decision = seenDecision(policies, service, seen, { verdict, rule });
  const key = keyOf(decision, {
    ...{ service, caller: seen.caller.slice(0, shownMax), callee: service, method: seen.method },
    path: templateOf(seen.path),
    live: verdict,
    ...given('liveRule', rule),
    ...given('liveCode', code),
  });
  return { key, sample: sampleOf(seen.timeMs, seen.path, seen.requestId, undefined) };
}

function seenDecision(
  policies: Parameters<typeof decideSeen>[0],
  callee: string,
  { caller: principal, method, path, host, requestId, timeMs }: SeenRequest,
  verdict: Parameters<typeof decideSeen>[2],
): Decision {
  const caller = canonicalCaller(principal);
  if (!caller.ok) return deny(caller.error);
  const isConnect = method === 'connect';
  const action: Action = isConnect ? { kind: 'connect' } : { kind: 'http', method, path };
  const named = canonicalHost(host);
  const facts: RequestFacts = {
    ...nothingKnown,
    host: named.ok ? named.value : unknown,
    timeMs,
    id: requestId ?? '',
    ...(isConnect ? { token: noToken } : {}),
  };
  return decideSeen(policies, { caller: caller.value, callee, action, facts }, verdict);
}

type Live = Omit<ShadowKey, 'effect' | 'shadow' | 'shadowRule' | 'shadowCode' | 'on'>;

function keyOf(decision: Decision, live: Live): ShadowKey | undefined {
  const effect = shadowEffect(live.live, decision.kind);
  if (effect === undefined) return undefined;
  const rule = decision.kind === 'depends' ? decision.rules[0] : decision.rule;
  return {
    ...live,
    effect,
    shadow: decision.kind,
    ...given('shadowRule', rule?.id),
    ...given('shadowCode', decision.kind === 'deny' ? decision.code : undefined),
    ...given('on', decision.kind === 'depends' ? decision.on.join(', ') : undefined),
  };
}

/** Without the query, which may hold a secret. */
function sampleOf(
  atMs: number,
  path: string,
  requestId: string | undefined,
  decision: string | undefined,
): ShadowSample {
  return {
    ...{ atMs, path: (path.split('?', 1)[0] ?? '').slice(0, shownMax) },
    ...given('requestId', requestId?.slice(0, shownMax)),
    ...given('decision', decision),
  };
}

/** Both sides refuse a path that has no one reading; none of it is told. */
function templateOf(path: string): string {
  if (path === '') return '';
  const canonical = canonicalPath(path);
  return canonical.ok ? pathTemplate(canonical.value).slice(0, shownMax) : '';
}

function given<Name extends string>(
  name: Name,
  value: string | undefined,
): { readonly [Key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [Key in Name]?: string });
}
