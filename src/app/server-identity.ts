import { generateKeyPairSync } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Authority } from '../identity/authority.ts';
import { backdateMs } from '../identity/ca.ts';
import { createCsr } from '../identity/csr.ts';
import { renewalDelayMs } from '../identity/renewal.ts';
import { controlPlaneId } from '../identity/spiffe-id.ts';
import type { TlsMaterial } from '../serve/grpc/server.ts';

const ttlSeconds = 3_600;

interface ServerIdentityOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly servers: readonly { setTls(tls: TlsMaterial): void }[];
}

/** A CA that cannot sign is mended by a rotation, which is heard of, or by time, which is not. */
const retryMs = 1_000;
/** Past it nobody waits for the old time to come back. */
const jumpMsMax = 24 * 3_600_000;

/**
 * The control plane's own SVID, renewed in place at half of its life and when the CA moves. While the CA cannot sign, what
 * is presented stays as it is.
 */
export class ServerIdentity {
  readonly #options: ServerIdentityOptions;
  #cancel = (): void => {};
  #unfollow = (): void => {};
  #isFailing = false;
  /** How far the wall clock jumped last. */
  #jumpedMs = 0;
  #onFirst: ((tls: TlsMaterial) => void) | undefined;

  constructor(options: ServerIdentityOptions) {
    this.#options = options;
  }

  /**
   * `open` is called once, with the first certificate. Resolves when it has opened, or at once where the CA must be mended
   * before there is one: operators are served meanwhile.
   */
  start(open: (tls: TlsMaterial) => Promise<void>): Promise<void> {
    const { authority, log } = this.#options;
    this.#unfollow = authority.onTrust(() => this.#renew());
    const opened = new Promise<void>((resolve, reject) => {
      this.#onFirst = (tls) => void open(tls).then(resolve, reject);
    });
    this.#renew();
    if (!this.#isFailing) return opened;
    opened.catch((error: unknown) =>
      log.error('the ports for proxies and hosts cannot be opened', { ...problemFields(error) }),
    );
    return Promise.resolve();
  }

  /**
   * The wall clock jumped: what is presented may not be valid by it. What comes in its place is good by the time before as
   * well, by which others go that did not jump: whether it was set wrong or right nobody knows here.
   */
  replan(jumpedMs: number): void {
    this.#jumpedMs = Math.abs(jumpedMs) <= jumpMsMax ? jumpedMs : 0;
    this.#renew();
  }

  #renew(): void {
    this.#cancel();
    const { authority, clock, random, log } = this.#options;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spiffeId = controlPlaneId(authority.trustDomain);
    const csrDer = createCsr({ privateKey, publicKey, commonName: 'control-plane' });
    const orNowMs = clock.nowMs() - this.#jumpedMs;
    const self = { host: 'self', reason: 'self' };
    const issued = authority.issue({ spiffeId, csrDer, ttlSeconds, orNowMs, ...self });
    if (!issued.ok) {
      const problem = issued.error.message;
      if (!this.#isFailing) log.error('the control plane cannot sign for itself', { problem });
      this.#isFailing = true;
      this.#cancel = clock.after(retryMs, () => this.#renew());
      return;
    }
    this.#isFailing = false;
    const { notAfterMs, chainPem } = issued.value;
    const nowMs = clock.nowMs();
    const times = { notBeforeMs: nowMs - backdateMs, notAfterMs, nowMs };
    const delayMs = renewalDelayMs({ ...times, random });
    this.#cancel = clock.after(Math.max(delayMs, retryMs), () => this.#renew());
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    this.#use({ cert: chainPem, key, ca: authority.bundlePem });
  }

  #use(tls: TlsMaterial): void {
    const first = this.#onFirst;
    this.#onFirst = undefined;
    if (first === undefined) for (const server of this.#options.servers) server.setTls(tls);
    else first(tls);
  }

  stop(): void {
    this.#unfollow();
    this.#cancel();
  }
}
