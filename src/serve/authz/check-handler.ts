import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Code } from '../../base/finding.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type CanonicalRequest, canonicalize } from '../../policy/canonical.ts';
import { canonicalCaller } from '../../policy/canonical-principal.ts';
import type { CompiledPolicy } from '../../policy/compiled-policy.ts';
import { decide } from '../../policy/decide.ts';
import { decideEgress } from '../../policy/decide-egress.ts';
import { type Action, type Answer, answerOf, deny } from '../../policy/decision.ts';
import { nothingKnown } from '../../policy/facts.ts';
import { requestFacts } from '../../policy/request-facts.ts';
import { type CheckFacts, type HttpFacts, headerOf, readCheckRequest } from './check-request.ts';
import { type CheckAnswer, type Metadata, writeCheckResponse } from './check-response.ts';
import { denialAnswer, type Side } from './denial.ts';

/** What the policy desk works with. */
export interface Desk {
  /** Undefined until the first policy document has come. */
  readonly policy: () => CompiledPolicy | undefined;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** See `decisionIds`. */
  readonly nextId: () => string;
  /** Called for every decision, before the answer goes out: it must not block, and its queue must be bounded. */
  readonly onDecision: (record: DecisionRecord) => void;
  readonly counters: DeskCounters;
}

export interface DeskCounters {
  allowed: number;
  denied: number;
  /** Decisions that failed by a fault of the desk; each was a denial. */
  faults: number;
  /** Questions that came before any policy. */
  unavailable: number;
  /** Decisions that `onDecision` threw on. */
  unrecorded: number;
}

export function newDeskCounters(): DeskCounters {
  return { allowed: 0, denied: 0, faults: 0, unavailable: 0, unrecorded: 0 };
}

/** One line of the decision log. Holds no query, header or body: they may carry secrets. */
export interface DecisionRecord {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly side: Side | undefined;
  /** The service whose proxy asked. */
  readonly service: string;
  /** As the proxy reported it; empty at egress and for a peer without certificate. */
  readonly principal: string;
  /** Empty for a TCP connection. */
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** `x-request-id`, which joins the decision with the access log. */
  readonly requestId: string | undefined;
  readonly kind: Answer['kind'];
  readonly code: Code | undefined;
  readonly rule: string | undefined;
  /** What was thrown, when the desk failed. */
  readonly fault: string | undefined;
}

/** CH2191. The question is answered with gRPC UNAVAILABLE, and Envoy with its `status_on_error`. */
export interface DeskUnavailable {
  readonly code: Code;
  readonly message: string;
}

/** Takes CheckRequest bytes and the service of the workload on whose socket they came; gives CheckResponse bytes. */
export type CheckHandler = (
  request: Uint8Array,
  service: string,
) => Result<Uint8Array, DeskUnavailable>;

interface Outcome {
  readonly decision: Answer;
  readonly facts: CheckFacts | undefined;
  readonly fault: string | undefined;
}

/** Path and host in a record are cut to this: enough to recognise them, and a bound for the log. */
const recordedLengthMax = 1_024;

/** Answers one question of a proxy. Whatever goes wrong on the way is a denial. */
export function checkHandler(desk: Desk): CheckHandler {
  return (request, service) => {
    const policy = desk.policy();
    if (policy === undefined) {
      desk.counters.unavailable += 1;
      return err({ code: 'CH2191', message: 'CH2191: the policy desk has no policy yet' });
    }
    const id = desk.nextId();
    const outcome = safely(policy, request, service);
    record(desk, { id, service, ...outcome });
    return ok(writeCheckResponse(answer(id, outcome)));
  };
}

function safely(policy: CompiledPolicy, request: Uint8Array, service: string): Outcome {
  let facts: CheckFacts | undefined;
  try {
    facts = readCheckRequest(request);
    return { decision: decisionOf(policy, facts, service), facts, fault: undefined };
  } catch (thrown) {
    const decision = deny({ code: 'CH2192', reason: 'the policy desk failed on this request' });
    return { decision, facts, fault: messageOf(thrown) };
  }
}

function decisionOf(policy: CompiledPolicy, facts: CheckFacts, service: string): Answer {
  if (facts.http === undefined) {
    // Envoy's network filter asks at ingress only and has no extensions.
    const caller = canonicalCaller(facts.principal);
    if (!caller.ok) return deny(caller.error);
    const action: Action = { kind: 'connect' };
    return answerOf(decide(policy, { caller: caller.value, callee: service, action }));
  }
  const side = sideOf(facts);
  if (side === undefined) {
    return deny({ code: 'CH2193', reason: 'the proxy did not say on which side it asks' });
  }
  const canonical = canonicalize({ ...facts.http, principal: facts.principal });
  if (!canonical.ok) return deny(canonical.error);
  const request = canonical.value;
  if (side === 'egress') {
    const { method, path, host } = request;
    const action: Action = { kind: 'http', method, path };
    return decideEgress(policy, { caller: service, host, action });
  }
  return decideIngress(policy, { service, request, http: facts.http });
}

function decideIngress(
  policy: CompiledPolicy,
  asked: {
    readonly service: string;
    readonly request: CanonicalRequest;
    readonly http: HttpFacts;
  },
): Answer {
  const { service, request, http } = asked;
  const { caller, method, path } = request;
  const action: Action = { kind: 'http', method, path };
  // Most rules look at nothing else, and then nothing else is read.
  if (policy.services.get(service)?.conditional === undefined) {
    return answerOf(decide(policy, { caller, callee: service, action }));
  }
  const facts = requestFacts(http, request, nothingKnown);
  return answerOf(decide(policy, { caller, callee: service, action, facts }));
}

function sideOf(facts: CheckFacts | undefined): Side | undefined {
  const side = facts?.extensions.get('chancery.side');
  return side === 'ingress' || side === 'egress' ? side : undefined;
}

function answer(id: string, { decision, facts }: Outcome): CheckAnswer {
  const metadata = metadataOf(id, decision);
  if (decision.kind === 'allow') {
    return { kind: 'ok', headersToRemove: ownHeaders(facts), metadata };
  }
  const isGrpc = headerOf(facts?.http, 'content-type')?.startsWith('application/grpc') ?? false;
  return denialAnswer({ decision, id, side: sideOf(facts), isGrpc, metadata });
}

function metadataOf(id: string, decision: Answer): Metadata {
  const metadata: [string, string][] = [
    ['decision', id],
    ['kind', decision.kind],
  ];
  if (decision.rule !== undefined) metadata.push(['rule', decision.rule.id]);
  if (decision.kind === 'deny') metadata.push(['code', decision.code]);
  return metadata;
}

/** Headers of ours that the caller sent itself; the application must not take them for the mesh's word. */
function ownHeaders(facts: CheckFacts | undefined): string[] {
  const names = facts?.http?.headers.map(([name]) => name) ?? [];
  return [...new Set(names.filter((name) => name.startsWith('x-chancery-')))];
}

function record(
  desk: Desk,
  given: Outcome & { readonly id: string; readonly service: string },
): void {
  const { decision, facts, fault } = given;
  if (fault !== undefined) desk.counters.faults += 1;
  if (decision.kind === 'allow') desk.counters.allowed += 1;
  else desk.counters.denied += 1;
  try {
    desk.onDecision({
      id: given.id,
      timeMs: desk.clock.nowMs(),
      side: sideOf(facts),
      service: given.service,
      principal: facts?.principal ?? '',
      method: facts?.http?.method ?? '',
      path: (facts?.http?.path.split('?', 1)[0] ?? '').slice(0, recordedLengthMax),
      host: (facts?.http?.host ?? '').slice(0, recordedLengthMax),
      requestId: headerOf(facts?.http, 'x-request-id'),
      kind: decision.kind,
      code: decision.kind === 'deny' ? decision.code : undefined,
      rule: decision.rule?.id,
      fault,
    });
  } catch {
    desk.counters.unrecorded += 1;
  }
}
