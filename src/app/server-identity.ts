import { generateKeyPairSync } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Authority } from '../identity/authority.ts';
import { createCsr } from '../identity/csr.ts';
import { renewalDelayMs } from '../identity/renewal.ts';
import { controlPlaneId } from '../identity/spiffe-id.ts';
import type { GrpcServer, TlsMaterial } from '../serve/grpc/server.ts';

const ttlSeconds = 3_600;

/** The control plane's own SVID, renewed in place at half of its life and when the CA moves. */
export class ServerIdentity {
  readonly #options: {
    readonly authority: Authority;
    readonly clock: Clock;
    readonly random: Random;
    readonly grpc: GrpcServer;
  };
  #cancel = (): void => {};
  #unfollow = (): void => {};

  constructor(options: {
    readonly authority: Authority;
    readonly clock: Clock;
    readonly random: Random;
    readonly grpc: GrpcServer;
  }) {
    this.#options = options;
  }

  start(): TlsMaterial {
    const { authority, grpc } = this.#options;
    this.#unfollow = authority.onTrust(() => grpc.setTls(this.#renew()));
    return this.#renew();
  }

  #renew(): TlsMaterial {
    this.#cancel();
    const { authority, clock, random, grpc } = this.#options;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spiffeId = controlPlaneId(authority.trustDomain);
    const csrDer = createCsr({ privateKey, publicKey, commonName: 'control-plane' });
    const issued = authority.issue({ spiffeId, csrDer, ttlSeconds, host: 'self', reason: 'self' });
    if (!issued.ok) throw new Error(`the control plane cannot sign for itself: ${issued.error}`);
    const { notBeforeMs, notAfterMs, chainPem } = issued.value;
    const delayMs = renewalDelayMs({ notBeforeMs, notAfterMs, nowMs: clock.nowMs(), random });
    this.#cancel = clock.after(delayMs, () => grpc.setTls(this.#renew()));
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { cert: chainPem, key, ca: authority.bundlePem };
  }

  stop(): void {
    this.#unfollow();
    this.#cancel();
  }
}
