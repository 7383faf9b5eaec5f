import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Code } from '../../base/finding.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type CanonicalRequest, canonicalize } from '../../policy/canonical.ts';
import { canonicalCaller } from '../../policy/canonical-principal.ts';
import type { CompiledPolicy } from '../../policy/compiled-policy.ts';
import type { PolicyRequest } from '../../policy/decide.ts';
import { decideEgress } from '../../policy/decide-egress.ts';
import { decideRequest } from '../../policy/decide-request.ts';
import { type Action, answerOf, deny } from '../../policy/decision.ts';
import { noToken, nothingKnown, type RequestFacts, unknown } from '../../policy/facts.ts';
import type { Reading } from '../../policy/other-readings.ts';
import { requestFacts } from '../../policy/request-facts.ts';
import { policyTokens, type VerifyToken } from '../../tokens/token-verifier.ts';
import { bearerChallenge } from './challenge.ts';
import { type CheckFacts, type HttpFacts, headerOf, readCheckRequest } from './check-request.ts';
import { type CheckAnswer, writeCheckResponse } from './check-response.ts';
import { metadataOf } from './decision-metadata.ts';
import { type DecisionRecord, grantUsed, type Outcome, recordOf } from './decision-record.ts';
import { denialAnswer, type Side } from './denial.ts';

/** What the policy desk works with. */
export interface Desk {
  /** By which it decides for this asker; undefined until the first policy document has come. */
  readonly policy: (asker: Asker) => CompiledPolicy | undefined;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  /** See `decisionIds`. */
  readonly nextId: () => string;
  /** Called for every decision, before the answer goes out: it must not block, and its queue must be bounded. */
  readonly onDecision: (record: DecisionRecord) => void;
  /**
   * Called before a request goes through by a break-glass grant, which must have left a record that lasts. False, thrown
   * or left out: there is none, and then it does not go through.
   */
  readonly onUse?: (record: DecisionRecord) => Promise<boolean>;
  /** Called after that with all that is known of the question; it must not block either, and what it throws is dropped. */
  readonly onOutcome?: (outcome: Outcome, asked: Asked) => void;
  readonly counters: DeskCounters;
  /** On which host it is, where proxies ask more than one. */
  readonly host?: () => string | undefined;
}

interface DeskCounters {
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

/** CH2191. The question is answered with gRPC UNAVAILABLE, and Envoy with its `status_on_error`. */
interface DeskUnavailable {
  readonly code: Code;
  readonly message: string;
}

/** Who asks. */
export interface Asker {
  /** By where the question came in, or by the certificate of who sent it: nothing in it says so. */
  readonly service: string;
  /**
   * Of many of the service. At a desk of the pool it is what the proxy calls itself, which nobody but that service can; undefined
   * where it does not say.
   */
  readonly proxy: string | undefined;
}

/** CheckResponse bytes. */
export type Checked = Result<Uint8Array, DeskUnavailable>;

/** Takes CheckRequest bytes. Only who comes in by a break-glass grant waits, for the record of it. */
export type CheckHandler = (
  request: Uint8Array,
  service: string,
  proxy?: string,
) => Checked | Promise<Checked>;

/** Answers one question of a proxy. Whatever goes wrong on the way is a denial. */
export function checkHandler(desk: Desk): CheckHandler {
  return (request, service, proxy) => {
    const startMs = desk.clock.monotonicMs();
    const read = readFacts(request);
    const asker = { service, proxy: proxy ?? (read.ok ? selfName(read.value) : undefined) };
    const policy = desk.policy(asker);
    if (policy === undefined) {
      desk.counters.unavailable += 1;
      return err({ code: 'CH2191', message: 'CH2191: the policy desk has no policy yet' });
    }
    const asked = { id: desk.nextId(), ...asker, timeMs: desk.clock.nowMs() };
    const finish = (outcome: Outcome): Checked => {
      const response = writeCheckResponse(answer(desk, policy, { asked, outcome }));
      const latencyUs = Math.round((desk.clock.monotonicMs() - startMs) * 1_000);
      record(desk, outcome, { ...asked, latencyUs });
      return ok(response);
    };
    const outcome = safely(policy, read, asked);
    const grant = grantUsed(outcome.decision);
    if (grant === undefined) return finish(outcome);
    return recordedFirst(desk, outcome, { asked, startMs, grant }).then(finish);
  };
}

/** What a question is called, whose it is, and when it came. */
export interface Asked extends Asker {
  readonly id: string;
  readonly timeMs: number;
}

/** Errors: what was thrown, as text. */
function readFacts(request: Uint8Array): Result<CheckFacts, string> {
  try {
    return ok(readCheckRequest(request));
  } catch (thrown) {
    return err(messageOf(thrown));
  }
}

/** Longer than any that a host may report. */
const proxyNameMax = 256;

function selfName({ proxy }: CheckFacts): string | undefined {
  return proxy === '' || proxy.length > proxyNameMax ? undefined : proxy;
}

function safely(policy: CompiledPolicy, read: Result<CheckFacts, string>, asked: Asked): Outcome {
  if (!read.ok) return failed(undefined, read.error);
  const facts = read.value;
  try {
    return { ...bare, facts, ...decisionOf(policy, facts, asked) };
  } catch (thrown) {
    return failed(facts, messageOf(thrown));
  }
}

function failed(facts: CheckFacts | undefined, fault: string): Outcome {
  const decision = deny({ code: 'CH2192', reason: 'the policy desk failed on this request' });
  return { ...bare, decision, facts, fault };
}

const bare = { token: undefined, isMember: false, fault: undefined };

type Decided = Pick<Outcome, 'decision'> & Partial<Pick<Outcome, 'token' | 'isMember'>>;

export function decisionOf(policy: CompiledPolicy, facts: CheckFacts, asked: Asked): Decided {
  const { service } = asked;
  if (facts.http === undefined) {
    // Envoy's network filter asks at ingress only and has no extensions.
    const caller = canonicalCaller(facts.principal);
    if (!caller.ok) return { decision: deny(caller.error) };
    const action: Action = { kind: 'connect' };
    const conditions = {
      ...nothingKnown,
      ...{ token: noToken, timeMs: asked.timeMs, address: facts.address },
    };
    return decided(policy, { caller: caller.value, callee: service, action, facts: conditions });
  }
  const side = sideOf(facts);
  if (side === undefined) {
    const reason = 'the proxy did not say on which side it asks';
    return { decision: deny({ code: 'CH2193', reason }) };
  }
  const canonical = canonicalize({ ...facts.http, principal: facts.principal });
  if (!canonical.ok) return { decision: deny(canonical.error) };
  const request = canonical.value;
  const { caller, method, path, host, others } = request;
  const action: Action = { kind: 'http', method, path };
  if (side === 'egress') {
    return { decision: decideEgress(policy, { caller: service, host, action }), isMember: true };
  }
  // Most rules look at nothing else, and then nothing else is read.
  if (policy.services.get(service)?.conditional === undefined) {
    return decided(policy, { caller, callee: service, action }, others);
  }
  const conditions = conditionFacts(policy, asked, { facts, http: facts.http, request });
  return decided(policy, { caller, callee: service, action, facts: conditions }, others);
}

function decided(
  policy: CompiledPolicy,
  request: PolicyRequest,
  others: readonly Reading[] = [],
): Decided {
  const { caller, facts } = request;
  const token = facts === undefined || facts.token === unknown ? undefined : facts.token;
  return {
    decision: answerOf(decideRequest(policy, request, others)),
    isMember: caller?.trustDomain === policy.trustDomain && policy.callers.has(caller.name),
    token,
  };
}

/** Kept with its policy, and gone with it. */
const verifiers = new WeakMap<CompiledPolicy, VerifyToken>();

function verifierOf(policy: CompiledPolicy): VerifyToken {
  const verify = verifiers.get(policy) ?? policyTokens(policy);
  verifiers.set(policy, verify);
  return verify;
}

export function conditionFacts(
  policy: CompiledPolicy,
  { timeMs }: Asked,
  given: {
    readonly facts: CheckFacts;
    readonly http: HttpFacts;
    readonly request: CanonicalRequest;
  },
): RequestFacts {
  const { facts, http, request } = given;
  return requestFacts(http, request, {
    token: verifierOf(policy)(http.headers, timeMs),
    timeMs,
    address: facts.address,
    id: headerOf(http, 'x-request-id') ?? '',
    scheme: http.scheme,
  });
}

/** A use of a grant that cannot be recorded is a denial. */
async function recordedFirst(
  desk: Desk,
  outcome: Outcome,
  given: { readonly asked: Asked; readonly startMs: number; readonly grant: string },
): Promise<Outcome> {
  const { asked, startMs, grant } = given;
  const latencyUs = Math.round((desk.clock.monotonicMs() - startMs) * 1_000);
  try {
    const used = recordOf(outcome, { ...asked, latencyUs, side: sideOf(outcome.facts) });
    if ((await desk.onUse?.(used)) === true) return outcome;
  } catch {
    desk.counters.unrecorded += 1;
  }
  const reason = `the use of break-glass grant ${grant} cannot be recorded, and then it lets nobody in`;
  return { ...outcome, decision: deny({ code: 'CH2194', reason, rule: outcome.decision.rule }) };
}

export function sideOf(facts: CheckFacts | undefined): Side | undefined {
  const side = facts?.extensions.get('chancery.side');
  return side === 'ingress' || side === 'egress' ? side : undefined;
}

function answer(
  desk: Desk,
  policy: CompiledPolicy,
  given: { readonly asked: Asked; readonly outcome: Outcome },
): CheckAnswer {
  const { id, service } = given.asked;
  const { decision, facts, token = noToken, isMember } = given.outcome;
  const metadata = metadataOf({ id, desk: desk.host?.() }, decision);
  if (decision.kind === 'allow') {
    return { kind: 'ok', headersToRemove: ownHeaders(facts), metadata };
  }
  const contentType = headerOf(facts?.http, 'content-type') ?? '';
  const challenge = bearerChallenge({ policy, service, decision, token, isMember });
  return denialAnswer({
    ...{ decision, id, side: sideOf(facts), contentType, isMember, challenge, metadata },
  });
}

/** Headers of ours that the caller sent itself; the application must not take them for the mesh's word. */
function ownHeaders(facts: CheckFacts | undefined): string[] {
  const names = facts?.http?.headers.map(([name]) => name) ?? [];
  return [...new Set(names.filter((name) => name.startsWith('x-chancery-')))];
}

function record(desk: Desk, outcome: Outcome, asked: Asked & { readonly latencyUs: number }): void {
  const { counters } = desk;
  if (outcome.fault !== undefined) counters.faults += 1;
  if (outcome.decision.kind === 'allow') counters.allowed += 1;
  else counters.denied += 1;
  try {
    desk.onDecision(recordOf(outcome, { ...asked, side: sideOf(outcome.facts) }));
  } catch {
    counters.unrecorded += 1;
  }
  try {
    desk.onOutcome?.(outcome, asked);
  } catch {
    // It is told of the answer, and has no part in it.
  }
}
