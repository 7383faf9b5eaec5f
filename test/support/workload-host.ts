import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { HostIdentities } from '../../src/agent/host-identities.ts';
import { JwtCache } from '../../src/agent/jwt-cache.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import * as spiffe from '../../src/gen/spiffe/workload_pb.js';
import { type Authority, jwtTtlSeconds, openAuthority } from '../../src/identity/authority.ts';
import type { IdentityEntry } from '../../src/identity/entry.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { TrustBundle } from '../../src/identity/trust.ts';
import type { Selector, ServiceName, TrustDomain } from '../../src/model/types.ts';
import type { SvidReason, SvidReply } from '../../src/serve/api/wire.ts';
import { type ClientCall, GrpcClient, type GrpcOutcome } from '../../src/serve/grpc/client.ts';
import { FakeClock } from '../xds/fake-clock.ts';
import { memoryKek } from './memory-kek.ts';
import { memoryStore } from './memory-store.ts';

export const trustDomain = 'shop.test' as TrustDomain;
export const me: Selector = { kind: 'unix:uid', value: String(process.getuid?.()) };
const securityHeader = { 'workload.spiffe.io': 'true' };

export function entry(service: string, ...selectors: readonly Selector[]): IdentityEntry {
  const name = service as ServiceName;
  const spiffeId = workloadId(trustDomain, name);
  return { spiffeId, service: name, selectors, hostSelectors: [], ttlSeconds: 3_600 };
}

export function foreignBundle(name: string, from: Authority): TrustBundle {
  return { ...from.news.bundle, trustDomain: name as TrustDomain };
}

/** The agent's host-wide socket as it is, before a real CA that stands in the same process, on a clock that the test moves. */
export class WorkloadHost implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly authority: Authority;
  readonly identities: HostIdentities;
  readonly path: string;
  readonly said: { readonly message: string; readonly fields: unknown }[] = [];
  readonly requests: { readonly spiffeId: string; readonly reason: SvidReason }[] = [];
  /** Undefined: the control plane answers. */
  away: string | undefined;
  readonly #dir: string;
  readonly #clients: GrpcClient[] = [];
  federated: readonly TrustBundle[] = [];

  private constructor(dir: string, authority: Authority, clock: FakeClock) {
    this.#dir = dir;
    this.path = join(dir, 'public', 'workload.sock');
    this.clock = clock;
    this.authority = authority;
    const note = (message: string, fields: unknown): void =>
      void this.said.push({ message, fields });
    this.identities = new HostIdentities({
      ...{ clock, random, log: { info: note, warn: note, error: note } },
      jwts: new JwtCache(clock, async (service, audience) => this.#issueJwt(service, audience)),
      requestSvid: async (wanted, csr, reason) => this.#issue(wanted, csr, reason),
      kept: () => undefined,
      onSvid: () => {},
    });
  }

  static async open(clock = new FakeClock()): Promise<WorkloadHost> {
    const dir = mkdtempSync(join(tmpdir(), 'host-'));
    const host = new WorkloadHost(dir, await testAuthority(trustDomain, clock), clock);
    await host.identities.listen(host.path);
    return host;
  }

  /** With entries and trust, as soon as the control plane has spoken. */
  static async started(...entries: readonly IdentityEntry[]): Promise<WorkloadHost> {
    const host = await WorkloadHost.open();
    host.trust();
    host.identities.setEntries(entries);
    return host;
  }

  /** Tells the agent what to trust now, as the watch stream does. */
  trust(): void {
    const { bundle, taintedIssuers } = this.authority.news;
    // What comes over the wire is another object each time.
    const trust = structuredClone({ own: bundle, federated: this.federated });
    this.identities.setTrust(trust, taintedIssuers);
  }

  async step(kind: 'prepare' | 'activate' | 'taint' | 'revoke'): Promise<void> {
    const { authority } = this;
    const prepare = authority.prepareStep('root', 'hand');
    assert.ok(prepare.ok);
    const moved = await authority.step(kind === 'prepare' ? prepare.value : { kind }, 'test');
    assert.ok(moved.ok, moved.ok ? '' : moved.error);
    this.trust();
  }

  connect(): GrpcClient {
    const client = new GrpcClient({ kind: 'unix', path: this.path });
    this.#clients.push(client);
    return client;
  }

  /** A call on a connection of its own, with its one request. */
  call(method: string, request: Uint8Array = new Uint8Array(), headers = securityHeader): Call {
    return new Call(this.connect(), `/SpiffeWorkloadAPI/${method}`, request, headers);
  }

  x509(): X509Watch {
    return new X509Watch(this.call('FetchX509SVID'));
  }

  async disconnect(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
    await this.identities.close();
    rmSync(this.#dir, { recursive: true, force: true });
    assert.deepEqual(
      this.said.filter(({ message }) => message === 'a call failed'),
      [],
    );
  }

  #issue({ spiffeId, ttlSeconds }: IdentityEntry, csr: string, reason: SvidReason): SvidReply {
    this.requests.push({ spiffeId, reason });
    if (this.away !== undefined) throw new Error(this.away);
    const csrDer = Buffer.from(csr, 'base64');
    const issued = this.authority.issue({ spiffeId, csrDer, ttlSeconds, host: 'h', reason });
    if (!issued.ok) throw new Error(issued.error.message);
    const { chainPem, serialHex, issuerKeyId, notBeforeMs, notAfterMs } = issued.value;
    return { spiffeId, chainPem, serial: serialHex, issuerKeyId, notBeforeMs, notAfterMs };
  }

  #issueJwt(service: string, audience: readonly string[]) {
    if (this.away !== undefined) throw new Error(this.away);
    const spiffeId = workloadId(trustDomain, service as ServiceName);
    const request = { spiffeId, audience, ttlSeconds: jwtTtlSeconds, host: 'h' };
    return { spiffeId, ...this.authority.issueJwt(request) };
  }
}

export function testAuthority(name: TrustDomain, clock = new FakeClock()): Promise<Authority> {
  const kek = memoryKek();
  return openAuthority({ store: memoryStore(), kek, trustDomain: name, clock, random });
}

/** One call, its answers read by the generated types. */
export class Call {
  readonly #call: ClientCall;

  constructor(
    client: GrpcClient,
    path: string,
    request: Uint8Array | undefined,
    headers: Readonly<Record<string, string>> = {},
  ) {
    this.#call = client.bidi(path, headers);
    if (request === undefined) return;
    this.#call.write(request);
    this.#call.end();
  }

  get outcome(): Promise<GrpcOutcome> {
    return this.#call.outcome;
  }

  write(message: Uint8Array): void {
    this.#call.write(message);
  }

  cancel(): void {
    this.#call.cancel();
  }

  async next<Schema extends DescMessage>(schema: Schema): Promise<MessageShape<Schema>> {
    const bytes = await this.#call.read();
    if (bytes === undefined) assert.fail(`the call ended: ${JSON.stringify(await this.outcome)}`);
    return fromBinary(schema, bytes);
  }

  /** How it ended, without having said anything. */
  async refused(): Promise<GrpcOutcome> {
    assert.equal(await this.#call.read(), undefined, 'it was answered');
    return this.outcome;
  }
}

/** FetchX509SVID, message by message. */
class X509Watch {
  readonly call: Call;

  constructor(call: Call) {
    this.call = call;
  }

  next(): Promise<spiffe.X509SVIDResponse> {
    return this.call.next(spiffe.X509SVIDResponseSchema);
  }

  /** The services of the next message, in order. */
  async services(): Promise<string[]> {
    return (await this.next()).svids.map(({ spiffeId }) => spiffeId.split('/').at(-1) ?? '');
  }
}

export const jwtRequest = (audience: readonly string[] = ['payments'], spiffeId = ''): Uint8Array =>
  toBinary(
    spiffe.JWTSVIDRequestSchema,
    create(spiffe.JWTSVIDRequestSchema, { audience: [...audience], spiffeId }),
  );
export const validateRequest = (svid = 'x.y.z', audience = 'payments'): Uint8Array =>
  toBinary(
    spiffe.ValidateJWTSVIDRequestSchema,
    create(spiffe.ValidateJWTSVIDRequestSchema, { svid, audience }),
  );

/** Every method, with a request that is well formed. */
export const methods: Readonly<Record<string, Uint8Array>> = {
  FetchX509SVID: new Uint8Array(),
  FetchX509Bundles: new Uint8Array(),
  FetchJWTSVID: jwtRequest(),
  FetchJWTBundles: new Uint8Array(),
  ValidateJWTSVID: validateRequest(),
};
export const names = Object.keys(methods);

/** What FetchJWTSVID gives. */
export async function token(host: WorkloadHost, audience: readonly string[] = ['payments']) {
  const call = host.call('FetchJWTSVID', jwtRequest(audience));
  return (await call.next(spiffe.JWTSVIDResponseSchema)).svids;
}

/** The JWK Set of a trust domain. */
export function keysOf(bundle: Uint8Array | undefined): readonly Record<string, unknown>[] {
  return JSON.parse(Buffer.from(bundle ?? []).toString('utf8')).keys;
}
