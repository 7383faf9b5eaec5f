import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PolicyDesk } from '../../agent/policy-desk.ts';
import { systemClock } from '../../base/clock.ts';
import { ChanceryError, messageOf } from '../../base/error.ts';
import type { Log } from '../../base/log.ts';
import { systemRandom as random } from '../../base/random.ts';
import { type WhyAnswer, type WhyQuestion, why } from '../../explain/why.ts';
import { type SpiffeId, workloadId } from '../../identity/spiffe-id.ts';
import type { Intent, Service, ServiceName, TrustDomain } from '../../model/types.ts';
import { answerOf } from '../../policy/decision.ts';
import { intentPolicy } from '../../policy/intent-policy.ts';
import { policyTokens } from '../../tokens/token-verifier.ts';
import { openAgentSocket } from './agent-socket.ts';
import { type Application, openApplication } from './application.ts';
import { type Comparison, compare } from './compare.ts';
import { EnvoyProcess } from './envoy-process.ts';
import { freePort } from './free-port.ts';
import { ingressBootstrap } from './ingress-bootstrap.ts';
import { type Observed, observed } from './observed.ts';
import { type SentAnswer, send } from './send.ts';
import { factsSent, type SentRequest, sentRequest } from './sent-request.ts';
import { throwawayCa, viewOf } from './throwaway-ca.ts';

/** From the start to the comparison; a machine with nothing else to do needs one second. */
const verifyMaxMs = 40_000;
const answerMaxMs = 5_000;
/** What a person is shown of an Envoy that does not start, or of a desk that fails. */
const reasonLengthMax = 600;

interface VerifyOptions {
  readonly intent: Intent;
  readonly question: WhyQuestion;
  /** What `why` says to it. */
  readonly answer: WhyAnswer;
  /** The token itself, where it is known. */
  readonly bearer: string | undefined;
  readonly envoyPath: string;
  /** Ends it before its time, and nothing is left of it. */
  readonly signal: AbortSignal;
}

export interface Verified extends Comparison {
  readonly found: Exclude<Observed, { kind: 'none' }>;
  readonly sent: Pick<SentRequest, 'without' | 'otherwise' | 'signedFor' | 'address'>;
  readonly latencyMs: number;
}

/**
 * Sends the request through a real Envoy that has what the compiler gives the callee's ingress, with the desk of an agent
 * behind it, and compares what becomes of it with the answer of the engine. Errors: CH2113.
 */
export async function verify(options: VerifyOptions): Promise<Verified> {
  const { question, intent, signal } = options;
  const service = intent.services.get(question.to as ServiceName);
  if (service === undefined) throw failed(`${question.to} is no service of this mesh`);
  const sent = sentRequest(intent, question, {
    nowMs: systemClock.nowMs(),
    bearer: options.bearer,
  });
  refuseLineBreaks(question, sent);
  const world = new World({ service, from: callerId(intent, question.from), sent });
  const late = AbortSignal.timeout(verifyMaxMs);
  try {
    return await until([signal, late], run(options, world, sent));
  } catch (error) {
    if (signal.aborted) throw failed('it was interrupted');
    if (late.aborted) throw failed(`it was not done within ${verifyMaxMs / 1_000} s`);
    throw error;
  } finally {
    await world.close();
  }
}

async function run(options: VerifyOptions, world: World, sent: SentRequest): Promise<Verified> {
  const { question, answer } = options;
  await world.start(options.envoyPath);
  const startMs = performance.now();
  const got = await world.send(question);
  const latencyMs = performance.now() - startMs;
  const { log, reached } = await world.end();
  const found = observed(got, log, reached);
  if (found.kind === 'none') throw failed(found.why, world.problems);
  const asSent = asSentOf(question, sent);
  const { decision } = why(sent.intent, asSent.question);
  const otherwise = [...sent.otherwise, ...asSent.otherwise];
  // What is settled must come whatever was filled in; which rule is named may hang on that.
  const isSettled = answer.decision.kind !== 'depends' && otherwise.length === 0;
  const isAsAsked = isSettled && answer.decision.kind !== decision.kind;
  const expected = answerOf(isAsAsked ? answer.decision : decision);
  const { without, signedFor, address } = sent;
  return {
    ...compare(expected, found),
    ...{ found, latencyMs },
    sent: { without, signedFor, address, otherwise },
  };
}

/** The question with all known that it says when it is sent. */
function asSentOf(
  question: WhyQuestion,
  sent: SentRequest,
): { readonly question: WhyQuestion; readonly otherwise: readonly string[] } {
  if (question.request === undefined) return { question, otherwise: [] };
  const tokens = policyTokens(intentPolicy(sent.intent).policy);
  const token = tokens(sent.headers, sent.timeMs);
  const otherwise =
    sent.signedFor !== undefined && token.kind === 'invalid'
      ? [`with a token that does not verify: ${token.reason}`]
      : [];
  return {
    question: { ...question, facts: factsSent(sent, question.request.path, token) },
    otherwise,
  };
}

function callerId({ mesh }: Intent, from: string): SpiffeId {
  return from.startsWith('spiffe://')
    ? (from as SpiffeId)
    : workloadId(mesh.trustDomain, from as ServiceName);
}

/** All that is started for one request, and goes with it. */
class World {
  readonly problems: string[] = [];
  readonly #service: Service;
  readonly #from: SpiffeId;
  readonly #sent: SentRequest;
  readonly #dir = mkdtempSync(join(tmpdir(), 'chancery-verify-'));
  readonly #cas: ReturnType<typeof casOf>;
  readonly #closing: (() => Promise<void> | void)[] = [];
  #application: Application | undefined;
  #envoy: EnvoyProcess | undefined;
  #port = 0;
  #isClosed = false;

  constructor(given: {
    readonly service: Service;
    readonly from: SpiffeId;
    readonly sent: SentRequest;
  }) {
    this.#service = given.service;
    this.#from = given.from;
    this.#sent = given.sent;
    this.#cas = casOf(given.sent.intent, given.from);
  }

  async start(envoyPath: string): Promise<void> {
    const { intent } = this.#sent;
    const { name: service, protocol } = this.#service;
    const application = await openApplication(protocol);
    this.#application = application;
    this.#onClose(() => application.close());
    await this.#openAgent();
    this.#port = await freePort();
    const envoy = EnvoyProcess.start({
      ...{ envoyPath, dir: join(this.#dir, 'proxy') },
      bootstrap: ingressBootstrap({
        ...{ intent, service, port: this.#port, appPort: application.port },
        agentSocket: join(this.#dir, 'agent.sock'),
      }),
    });
    this.#envoy = envoy;
    this.#onClose(async () => void (await envoy.stop()));
    const problem = await envoy.untilItListens(this.#port);
    if (problem !== undefined) throw failed(`Envoy does not start: ${problem}`, this.problems);
  }

  async #openAgent(): Promise<void> {
    const { intent, timeMs } = this.#sent;
    const dir = this.#dir;
    const desk = new PolicyDesk({
      ...{ dir, allowRate: 0, env: {}, random, log: this.#log(), onNews: () => {} },
      // The time that the question says.
      clock: { ...systemClock, nowMs: () => timeMs },
    });
    this.#onClose(() => desk.close());
    desk.take({ kind: 'policy', version: 'verify', document: intentPolicy(intent).document });
    const { own, trust } = this.#cas;
    const id = workloadId(intent.mesh.trustDomain, this.#service.name);
    const server = await openAgentSocket(join(dir, 'agent.sock'), {
      ...{ service: this.#service.name, check: desk.check, view: viewOf(own.svid(id), trust) },
      onError: (error) => this.problems.push(messageOf(error)),
    });
    this.#onClose(() => server.close());
  }

  send({ request }: WhyQuestion): Promise<SentAnswer> {
    const { chainPem: cert, keyPem: key } = this.#cas.caller.svid(this.#from);
    const { host, headers, address } = this.#sent;
    const { method, path } = request ?? { method: '', path: '' };
    const late = AbortSignal.timeout(answerMaxMs);
    return until(
      [late],
      send(this.#port, { cert, key, localAddress: address }, this.#service.protocol, {
        ...{ method, path, host, headers },
      }),
    ).catch((error) => {
      throw late.aborted ? failed(`no answer within ${answerMaxMs / 1_000} s`) : error;
    });
  }

  /** What the proxy logged is whole only when it is gone. */
  async end() {
    const log = (await this.#envoy?.stop()) ?? [];
    return { log, reached: (this.#application?.reached ?? 0) > 0 };
  }

  /** In the order in which a proxy can do without them. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const close of this.#closing.splice(0).reverse()) await close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** What comes while it is closed already goes at once. */
  #onClose(close: () => Promise<void> | void): void {
    this.#closing.push(close);
    if (this.#isClosed) void this.close();
  }

  #log(): Log {
    const keep = (message: string, fields?: object): void => {
      this.problems.push(`${message} ${JSON.stringify(fields ?? {})}`.slice(0, reasonLengthMax));
    };
    return { info: () => {}, warn: keep, error: keep };
  }
}

/** The caller of another trust domain has a CA of its own; it is believed where `peers` names it. */
function casOf({ mesh }: Intent, from: SpiffeId) {
  const own = throwawayCa(mesh.trustDomain);
  const domain = from.slice('spiffe://'.length).split('/')[0] as TrustDomain;
  const caller = domain === mesh.trustDomain ? own : throwawayCa(domain);
  const isPeer = caller !== own && mesh.peers.has(domain);
  return { own, caller, trust: { own: own.bundle, federated: isPeer ? [caller.bundle] : [] } };
}

/** Another request would be sent than the one that was asked about. */
function refuseLineBreaks({ request }: WhyQuestion, { host, headers }: SentRequest): void {
  const parts = [request?.method ?? '', request?.path ?? '', host, ...headers.flat()];
  if (parts.some((part) => /[\r\n\0]/.test(part))) {
    throw failed('a request with line breaks in it is another one on the wire');
  }
}

function until<T>(signals: readonly AbortSignal[], work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    for (const signal of signals) {
      const abort = (): void => reject(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
    }
    work.then(resolve, reject);
  });
}

function failed(why: string, notes: readonly string[] = []): ChanceryError {
  return new ChanceryError({
    code: 'CH2113',
    message: 'the answer could not be verified',
    found: why.slice(-reasonLengthMax),
    ...(notes.length === 0 ? {} : { notes }),
    help: 'the answer itself stands: it is of the engine that decides at every host',
  });
}
