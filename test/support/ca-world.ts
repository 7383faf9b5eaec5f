import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { CaController } from '../../src/app/ca-controller.ts';
import { Confirmations } from '../../src/app/confirmations.ts';
import { UpstreamClient } from '../../src/app/upstream-client.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import { ok } from '../../src/base/result.ts';
import { type Authority, openAuthority } from '../../src/identity/authority.ts';
import { signIntermediate } from '../../src/identity/ca.ts';
import { caOf } from '../../src/identity/ca-generation.ts';
import type { CompanyCa } from '../../src/identity/company-ca.fixture.ts';
import { createCsr, readCsr } from '../../src/identity/csr.ts';
import { fromPem } from '../../src/identity/pem.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { UpstreamCa } from '../../src/identity/upstream.ts';
import type { CaLifetimes, ServiceName, TrustDomain } from '../../src/model/types.ts';
import { memoryKek } from './memory-kek.ts';
import { memoryStore } from './memory-store.ts';

const kek = memoryKek();
export const trustDomain = 'shop.test' as TrustDomain;
const spiffeId = workloadId(trustDomain, 'web' as ServiceName);
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const csrDer = createCsr({ ...keys, commonName: 'w' });
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
export const startMs = Date.parse('2026-01-01T00:00:00Z');
/** Long enough that a test which looks every few hours sees one that is cut short. */
export const svidTtlSeconds = 12 * 3_600;
const quiet: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** Time that a test sets; nothing runs by itself. */
class SetClock implements Clock {
  #nowMs = startMs;

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(): () => void {
    return () => {};
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
  }
}

/** A CA with its driver, its store, and hosts that confirm. */
export class World {
  readonly clock = new SetClock();
  readonly store = memoryStore();
  readonly hosts = new Map<string, { awayUntilMs: number; issuerKeyId: string }>();
  confirmations = new Confirmations();
  lifetimes: CaLifetimes = { rootTtlSeconds: 365 * 86_400, intermediateTtlSeconds: 90 * 86_400 };
  upstream: UpstreamCa | undefined;
  authority!: Authority;
  ca!: CaController;

  get nowMs(): number {
    return this.clock.nowMs();
  }

  /** A control plane that has just started; the one before is gone. */
  async boot(): Promise<void> {
    const { clock, store } = this;
    this.ca?.stop();
    this.confirmations = new Confirmations();
    const lifetimes = (): CaLifetimes => this.lifetimes;
    const upstream =
      this.upstream === undefined
        ? undefined
        : new UpstreamClient({
            ...{ trustDomain, lifetimes, clock, random, upstream: this.upstream },
            svidTtlSeconds: () => svidTtlSeconds,
          });
    const first = upstream === undefined ? undefined : () => firstOf(upstream);
    const options = { store, kek, trustDomain, clock, random, lifetimes, first };
    this.authority = await openAuthority(options);
    this.ca = new CaController({
      ...{ authority: this.authority, confirmations: this.confirmations },
      ...{ lifetimes, upstream, clock, dir: 'DIR', log: quiet },
      hosts: () => this.hosts.keys(),
      partnersNoticeMs: () => 0,
    });
    await this.ca.start();
  }

  issue() {
    return this.authority.issue({
      ...{ spiffeId, csrDer, ttlSeconds: svidTtlSeconds, host: 'h' },
      reason: 'first',
    });
  }

  /** Every host that is here takes the bundle and renews. */
  async report(): Promise<void> {
    for (const [host, one] of this.hosts) {
      if (this.nowMs < one.awayUntilMs) continue;
      const issued = this.issue();
      if (issued.ok) one.issuerKeyId = issued.value.issuerKeyId;
      const { issuerKeyId } = one;
      const trustSequence = this.authority.state.sequence;
      const presented = [{ holder: host, issuerKeyId }];
      this.confirmations.take(host, { trustSequence, presented }, this.nowMs);
    }
    await this.ca.look();
  }

  async pass(spanMs: number): Promise<void> {
    this.clock.advance(spanMs);
    await this.ca.look();
  }
}

async function firstOf(upstream: UpstreamClient) {
  const made = await upstream.generation();
  assert.ok(made.ok, JSON.stringify(made));
  return made.value;
}

export function companyUpstream(current: () => CompanyCa, world: World): UpstreamCa {
  return {
    name: 'company',
    look: async () =>
      ok({
        rootsDer: [current().der],
        notBeforeMs: startMs,
        notAfterMs: world.nowMs + 900 * dayMs,
      }),
    sign: async ({ csrDer: wanted, lifetimeSeconds, nowMs }) => {
      const csr = readCsr(wanted);
      assert.ok(csr.ok);
      const { der, key } = current();
      const issuer = caOf(trustDomain, der, key, []);
      const { publicKeySpki } = csr.value;
      const signed = signIntermediate({ issuer, publicKeySpki, nowMs, lifetimeSeconds, random });
      return ok({ certificatesDer: [signed.certificateDer], rootsDer: [der] });
    },
  };
}

/** By OpenSSL: the chain holds at `nowMs`, ends in a root of the bundle, and nothing in it ends before the leaf. */
export function assertHolds(world: World, chainPem: string): void {
  const sent = fromPem('CERTIFICATE', chainPem);
  assert.ok(sent.ok);
  const chain = sent.value.map((der) => new X509Certificate(der));
  const roots = world.authority.news.bundle.x509Roots.map(
    (root) => new X509Certificate(Buffer.from(root, 'base64')),
  );
  const last = chain.at(-1);
  const root = roots.find((one) => last?.checkIssued(one) && last.verify(one.publicKey));
  assert.ok(root !== undefined, 'no root of the bundle signed it');
  const [leaf] = chain;
  for (const [index, one] of [...chain, root].entries()) {
    const from = Date.parse(one.validFrom);
    const to = Date.parse(one.validTo);
    assert.ok(from <= world.nowMs && world.nowMs < to, `certificate ${index} does not hold now`);
    assert.ok(to >= Date.parse(leaf?.validTo ?? ''), `certificate ${index} ends before the leaf`);
  }
}

export function assertPruned(world: World): void {
  for (const root of world.authority.news.bundle.x509Roots) {
    const endMs = Date.parse(new X509Certificate(Buffer.from(root, 'base64')).validTo);
    assert.ok(world.nowMs - endMs <= dayMs, 'a root is in the bundle a day after its end');
  }
}

/** Three hosts that are there. */
export function withHosts(world: World): World {
  for (const host of ['h1', 'h2', 'h3']) world.hosts.set(host, { awayUntilMs: 0, issuerKeyId: '' });
  return world;
}
