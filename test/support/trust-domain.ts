import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import {
  type BundleEndpoint,
  createBundleEndpoint,
} from '../../src/app/federation/bundle-endpoint.ts';
import type { KeyPair } from '../../src/app/federation/certificate-files.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Authority, openAuthority } from '../../src/identity/authority.ts';
import { bundleDocument } from '../../src/identity/bundle-document.ts';
import { issueSvid } from '../../src/identity/ca.ts';
import { controlPlaneId, type SpiffeId } from '../../src/identity/spiffe-id.ts';
import { bundlePem } from '../../src/identity/trust.ts';
import type { TrustDomain, TrustPeer } from '../../src/model/types.ts';
import { memoryKek } from './memory-kek.ts';
import { memoryStore } from './memory-store.ts';

export const silentLog = { info: () => {}, warn: () => {}, error: () => {} };

/** A trust domain with a CA of its own, and the endpoints that a test opens for it. */
export class TestTrustDomain {
  readonly name: TrustDomain;
  readonly authority: Authority;
  readonly #closes: (() => void)[] = [];

  private constructor(authority: Authority) {
    this.name = authority.trustDomain;
    this.authority = authority;
  }

  static async open(name: string): Promise<TestTrustDomain> {
    const authority = await openAuthority({
      store: memoryStore(),
      kek: memoryKek(),
      trustDomain: name as TrustDomain,
      clock: systemClock,
      random: systemRandom,
    });
    return new TestTrustDomain(authority);
  }

  get id(): SpiffeId {
    return controlPlaneId(this.name);
  }

  get document(): string {
    return bundleDocument(this.authority.news.bundle, { refreshHintSeconds: 60 });
  }

  get rootsPem(): string {
    return bundlePem(this.authority.news.bundle);
  }

  /** A certificate with its key, of the CA that signs now. */
  pair(spiffeId: SpiffeId = this.id, dnsNames: readonly string[] = []): KeyPair {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const issued = issueSvid({
      ca: this.authority.state.active.intermediate,
      spiffeId,
      publicKeySpki: publicKey.export({ type: 'spki', format: 'der' }),
      ttlSeconds: 600,
      dnsNames,
      nowMs: systemClock.nowMs(),
      random: systemRandom,
    });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { cert: issued.chainPem, key };
  }

  /** The product's own endpoint, with its SVID. */
  async serve(): Promise<{ readonly url: string; readonly endpoint: BundleEndpoint }> {
    const { authority } = this;
    const parts = { port: 0, files: undefined, authority, clock: systemClock, log: silentLog };
    const endpoint = createBundleEndpoint(parts);
    await endpoint.listen(this.pair());
    this.#closes.push(() => endpoint.close());
    return { url: `https://127.0.0.1:${endpoint.reply.port}/bundle`, endpoint };
  }

  /** An endpoint that does what a test wants. */
  async serveAs(
    handler: (request: IncomingMessage, response: ServerResponse) => void,
    pair: KeyPair = this.pair(),
  ): Promise<TestEndpoint> {
    let requests = 0;
    const server = createServer({ cert: pair.cert, key: pair.key }, (request, response) => {
      requests += 1;
      handler(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const close = (): void => {
      server.closeAllConnections();
      server.close();
    };
    this.#closes.push(close);
    return {
      url: `https://127.0.0.1:${port}/bundle`,
      port,
      requests: () => requests,
      show: (next) => server.setSecureContext({ cert: next.cert, key: next.key }),
      close,
    };
  }

  /** A peer by https_spiffe whose seed is the present bundle. */
  peer(endpoint: string, more: Partial<TrustPeer> = {}): TrustPeer {
    return {
      at: { file: 'mesh.yaml', line: 1, column: 1, length: 1 },
      trustDomain: this.name,
      endpoint,
      auth: { profile: 'https_spiffe', endpointId: this.id },
      bundle: this.document,
      ...more,
    };
  }

  /** A whole rotation without waiting for anybody. */
  async rotate(): Promise<void> {
    const prepare = this.authority.prepareStep('root', 'hand');
    if (!prepare.ok) throw new Error(prepare.error);
    const steps = [prepare.value, { kind: 'activate' }, { kind: 'taint' }, { kind: 'revoke' }];
    for (const step of steps) {
      const taken = await this.authority.step(step as typeof prepare.value, 'the test');
      if (!taken.ok) throw new Error(taken.error);
    }
  }

  close(): void {
    for (const close of this.#closes) close();
  }
}

export interface TestEndpoint {
  readonly url: string;
  readonly port: number;
  readonly requests: () => number;
  /** New handshakes get this pair. */
  readonly show: (pair: KeyPair) => void;
  readonly close: () => void;
}
