import { createReadStream } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import tls from 'node:tls';
import { agentMethods } from '../../src/app/verify/agent-socket.ts';
import { proxySnapshot } from '../../src/app/verify/ingress-bootstrap.ts';
import { bundleOf, viewOf } from '../../src/app/verify/throwaway-ca.ts';
import { type WireAnswer, WireClient, type WirePeer } from '../../src/app/verify/wire-client.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Snapshot } from '../../src/compile/resource.ts';
import { toPem } from '../../src/identity/pem.ts';
import type { SpiffeId } from '../../src/identity/spiffe-id.ts';
import { parseIntent } from '../../src/model/parse.ts';
import type { Intent, ServiceName, TrustDomain } from '../../src/model/types.ts';
import { type CompiledPolicy, compilePolicy } from '../../src/policy/compiled-policy.ts';
import { type PolicyDocument, policyDocument } from '../../src/policy/document.ts';
import { parsePolicyDocument } from '../../src/policy/document-parse.ts';
import {
  type CheckHandler,
  checkHandler,
  newDeskCounters,
} from '../../src/serve/authz/check-handler.ts';
import {
  callee,
  callerNames,
  ownDomain,
  type PairPolicy,
  type PairRequest,
  pairFiles,
  peerDomain,
} from './authz-pairs.ts';
import { freePort } from './free-port.ts';
import { type Made, make } from './pki.ts';
import { XdsEnvoy } from './xds-envoy.ts';

const lifeMs = 3_600_000;

/** One policy in each of the forms in which it decides. */
export interface PolicyForms {
  readonly policy: PairPolicy;
  readonly intent: Intent;
  readonly document: PolicyDocument;
  readonly compiled: CompiledPolicy;
  /** As a desk has it: over the wire as JSON. */
  readonly received: CompiledPolicy;
}

export function formsOf(policy: PairPolicy): PolicyForms {
  const { intent, findings } = parseIntent(pairFiles(policy));
  if (intent === undefined) throw new Error(JSON.stringify([findings, policy]));
  const document = policyDocument(intent);
  const parsed = parsePolicyDocument(JSON.parse(JSON.stringify(document)));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  const [compiled, received] = [compilePolicy(document), compilePolicy(parsed.value)];
  return { policy, intent, document, compiled, received };
}

/** The desk of an agent, by the policy that it has now. */
export function deskOf(policy: () => CompiledPolicy | undefined): CheckHandler {
  let count = 0;
  return checkHandler({
    policy,
    clock: systemClock,
    nextId: () => {
      count += 1;
      return `d-${count}`;
    },
    onDecision: () => {},
    counters: newDeskCounters(),
  });
}

/** A real Envoy with the ingress of a service as it is compiled, a real desk, and somebody for each caller's certificate. */
export class AuthzWorld {
  readonly #envoy: XdsEnvoy;
  readonly #app = http.createServer((_request, response) => response.end('ok'));
  readonly #clients = new Map<string, WireClient>();
  readonly #peers = new Map<string, WirePeer>();
  readonly #ports = { egressPort: 0, port: 0, appPort: 0 };
  #received: CompiledPolicy | undefined;

  constructor() {
    const [root, peerRoot] = [authority(ownDomain), authority(peerDomain)];
    const view = calleeView(root, peerRoot);
    const check = deskOf(() => this.#received);
    this.#envoy = new XdsEnvoy({ agent: agentMethods({ service: callee, view, check }) });
    for (const uris of callerNames()) {
      const issuer = uris[0]?.startsWith(`spiffe://${peerDomain}/`) ? peerRoot : root;
      const peer = certificate(issuer, uris);
      this.#peers.set(uris.join(','), peer);
      const client = new WireClient(() => this.#ports.port, peer);
      this.#clients.set(uris.join(','), client);
    }
  }

  /** `received`: what of the snapshot the proxy gets. */
  async start(
    forms: PolicyForms,
    received: (snapshot: Snapshot) => Snapshot = (whole) => whole,
  ): Promise<void> {
    await new Promise<void>((listening) => this.#app.listen(0, '127.0.0.1', listening));
    this.#ports.appPort = (this.#app.address() as AddressInfo).port;
    this.#ports.port = await freePort();
    this.#ports.egressPort = await freePort();
    this.#received = forms.received;
    await this.#envoy.serve(received(this.#snapshotOf(forms)));
    await this.#envoy.start();
  }

  /** From then on everything is decided by this policy. */
  async take(forms: PolicyForms): Promise<void> {
    this.#received = forms.received;
    await this.#envoy.publishAndSettle(this.#snapshotOf(forms));
    // The worker has the policy before it reads what comes after an answer.
    await this.#client(['spiffe://acme.test/web']).send('GET / HTTP/1.1\r\nhost: warm\r\n\r\n');
  }

  /** The desk has no policy any more, and answers UNAVAILABLE. */
  closeDesk(): void {
    this.#received = undefined;
  }

  send(id: string, request: PairRequest): Promise<WireAnswer> {
    const { callers, method, target, host, headers } = request;
    const lines = [`host: ${host}`, `x-request-id: ${id}`, ...headers.map((one) => one.join(': '))];
    return this.#client(callers).send(
      `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`,
    );
  }

  /** The lines of the access log by request id. */
  async log(): Promise<ReadonlyMap<string, Record<string, unknown>>> {
    const found = new Map<string, Record<string, unknown>>();
    for await (const line of createInterface(createReadStream(this.#envoy.accessLog))) {
      const entry = JSON.parse(line) as Record<string, unknown>;
      if (entry['kind'] === 'request') found.set(String(entry['request_id']), entry);
    }
    return found;
  }

  /** Questions to the desk so far. */
  asked(): Promise<number> {
    return this.#envoy.stat('cluster.agent.upstream_rq_total');
  }

  /** Requests that the desk was to hear, and that went on without it. */
  missed(): Promise<number> {
    return this.#envoy.stat('http.ingress.ext_authz.hear.failure_mode_allowed');
  }

  /** Whether a connection with this certificate takes up the session of the one before it. */
  async resumes(callers: readonly string[]): Promise<boolean> {
    const peer = this.#peers.get(callers.join(','));
    const options = { host: '127.0.0.1', port: this.#ports.port, rejectUnauthorized: false };
    const visit = (session?: Buffer) =>
      new Promise<{ readonly isReused: boolean; readonly ticket: Buffer | undefined }>((done) => {
        let ticket: Buffer | undefined;
        const socket = tls.connect({ ...options, ...peer, ...(session && { session }) });
        socket.on('session', (one: Buffer) => {
          ticket = one;
        });
        // A ticket comes before the answer.
        socket.once('data', () => {
          done({ isReused: socket.isSessionReused(), ticket });
          socket.destroy();
        });
        socket.write('GET / HTTP/1.1\r\nhost: payments\r\n\r\n');
      });
    const { ticket } = await visit();
    return (await visit(ticket)).isReused;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await this.#envoy.stop();
    this.#app.close();
    this.#app.closeAllConnections();
  }

  #client(callers: readonly string[]): WireClient {
    const client = this.#clients.get(callers.join(','));
    if (client === undefined) throw new Error(`nobody is ${callers.join(',')}`);
    return client;
  }

  #snapshotOf({ intent }: PolicyForms): Snapshot {
    const service = callee as ServiceName;
    return proxySnapshot({ intent, service, ...this.#ports });
  }
}

function validity() {
  const nowMs = systemClock.nowMs();
  return { notBeforeMs: nowMs - lifeMs, notAfterMs: nowMs + lifeMs };
}

function authority(name: string): Made {
  return make({ name, ca: true, ...validity() });
}

function certificate(issuer: Made, uris: readonly string[]) {
  const { der, key } = make({ name: '', issuer, uris, ...validity() });
  return {
    cert: toPem('CERTIFICATE', der),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function calleeView(root: Made, peerRoot: Made) {
  const spiffeId = `spiffe://${ownDomain}/${callee}` as SpiffeId;
  const { der, key } = make({ name: '', issuer: root, uris: [spiffeId], ...validity() });
  const privateKeyPkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const bundle = (name: string, { der }: Made) => bundleOf(name as TrustDomain, der);
  const trust = { own: bundle(ownDomain, root), federated: [bundle(peerDomain, peerRoot)] };
  return viewOf({ spiffeId, chainDer: [der], privateKeyPkcs8 }, trust);
}
