import { generateKeyPairSync } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Authority } from '../identity/authority.ts';
import { createCsr } from '../identity/csr.ts';
import { renewalDelayMs } from '../identity/renewal.ts';
import { controlPlaneId } from '../identity/spiffe-id.ts';
import type { TlsMaterial } from '../serve/grpc/server.ts';

const ttlSeconds = 3_600;

export interface ServerIdentityOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly random: Random;
  readonly servers: readonly { setTls(tls: TlsMaterial): void }[];
}

/** The control plane's own SVID, renewed in place at half of its life and when the CA moves. */
export class ServerIdentity {
  readonly #options: ServerIdentityOptions;
  #cancel = (): void => {};
  #unfollow = (): void => {};

  constructor(options: ServerIdentityOptions) {
    this.#options = options;
  }

  start(): TlsMaterial {
    this.#unfollow = this.#options.authority.onTrust(() => this.#replace());
    return this.#renew();
  }

  #replace(): void {
    const material = this.#renew();
    for (const server of this.#options.servers) server.setTls(material);
  }

  #renew(): TlsMaterial {
    this.#cancel();
    const { authority, clock, random } = this.#options;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spiffeId = controlPlaneId(authority.trustDomain);
    const csrDer = createCsr({ privateKey, publicKey, commonName: 'control-plane' });
    const issued = authority.issue({ spiffeId, csrDer, ttlSeconds, host: 'self', reason: 'self' });
    if (!issued.ok) throw new Error(`the control plane cannot sign for itself: ${issued.error}`);
    const { notBeforeMs, notAfterMs, chainPem } = issued.value;
    const delayMs = renewalDelayMs({ notBeforeMs, notAfterMs, nowMs: clock.nowMs(), random });
    this.#cancel = clock.after(delayMs, () => this.#replace());
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { cert: chainPem, key, ca: authority.bundlePem };
  }

  stop(): void {
    this.#unfollow();
    this.#cancel();
  }
}
