import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import { readCertificate } from '../identity/certificate-read.ts';
import { serviceOf, trustDomainOf } from '../identity/spiffe-id.ts';
import { bundlePem, type TrustBundle } from '../identity/trust.ts';
import { svidIdOf } from '../identity/x509-svid.ts';
import type { ServiceName, TrustDomain } from '../model/types.ts';
import type { CheckHandler } from '../serve/authz/check-handler.ts';
import { checkMethod } from '../serve/authz/check-method.ts';
import type { Peer } from '../serve/grpc/peer.ts';
import { createGrpcServer, type GrpcServer, type TlsMaterial } from '../serve/grpc/server.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import { CatchUp } from './catch-up.ts';
import type { HostIdentity } from './link-state.ts';

/** Where a member of the pool listens. */
export interface DeskAddress {
  readonly address: string;
  readonly port: number;
}

interface DeskPoolOptions {
  readonly at: DeskAddress;
  readonly check: CheckHandler;
  /** It stood still: what it holds is to be asked for anew. */
  readonly onStall: () => void;
  /** 5,000 when left out. */
  readonly connectionsPerService?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What an SVID says of who asks. */
interface Asker {
  readonly trustDomain: TrustDomain;
  readonly service: ServiceName;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A port that is taken is most often that of the process before, which is about to end. */
const listenAgainMs = 1_000;
/** Half of those that a server takes: whoever holds the most, such as a workload that turned against the mesh, leaves room for the others. */
const connectionsPerServiceMax = 5_000;
/** Of a certificate's life: its holder has had a new one since the half of it. */
const connectionShare = 0.75;

/**
 * The policy desk over TCP, for proxies of other hosts. It shows the certificate of its host, and decides for the service
 * whose SVID the proxy shows: nothing in a question says for whom it is. Which proxy of that service asks is its own word.
 */
export class DeskPool {
  readonly #options: DeskPoolOptions;
  readonly #server: GrpcServer;
  readonly #catchUp: CatchUp;
  readonly #askers = new WeakMap<Peer, Asker>();
  /** Open ones, by service. */
  readonly #connections = new Map<string, number>();
  #identity: HostIdentity | undefined;
  #trust: TrustBundle | undefined;
  #standing: 'closed' | 'opening' | 'open' | 'ended' = 'closed';
  #cancel = (): void => {};

  constructor(options: DeskPoolOptions) {
    this.#options = options;
    const { check, clock, log, onStall } = options;
    this.#catchUp = new CatchUp(clock, () => {
      log.warn('the desk of the pool stood still; it asks for the policy anew', {});
      onStall();
    });
    this.#server = createGrpcServer({
      methods: [
        checkMethod({ handler: check, serviceOf: ({ peer }) => this.#serviceOf(peer)?.service }),
      ],
      admit: (peer) => this.#admit(peer),
      connectionMs: (peer) => {
        const asker = this.#askerOf(peer);
        return asker && connectionMs(asker, clock.nowMs());
      },
      onError: (error, path) => log.error('a call failed', { path, ...problemFields(error) }),
    });
  }

  show(identity: HostIdentity): void {
    this.#identity = identity;
    this.#use();
  }

  trust(trust: TrustBundle): void {
    this.#trust = trust;
    this.#use();
  }

  /** The control plane has told it the policy. */
  heard(): void {
    this.#catchUp.heard();
  }

  async close(): Promise<void> {
    this.#standing = 'ended';
    this.#cancel();
    this.#catchUp.stop();
    await this.#server.close();
  }

  /** New connections meet what is held now. */
  #use(): void {
    const tls = this.#material();
    if (tls === undefined || this.#standing === 'ended') return;
    this.#server.setTls(tls);
    if (this.#standing === 'closed') void this.#open(tls);
  }

  #material(): TlsMaterial | undefined {
    if (this.#identity === undefined || this.#trust === undefined) return undefined;
    const { chainPem, privateKeyPem } = this.#identity;
    return { cert: chainPem, key: privateKeyPem, ca: bundlePem(this.#trust) };
  }

  async #open(tls: TlsMaterial): Promise<void> {
    const { at, clock, log } = this.#options;
    const { address } = at;
    this.#standing = 'opening';
    try {
      const port = await this.#server.listenTls(address, at.port, tls);
      if ((this.#standing as string) === 'ended') return;
      this.#standing = 'open';
      log.info('the desk of the pool serves', { address, port });
      // What came while it was opened.
      this.#use();
    } catch (error) {
      if ((this.#standing as string) === 'ended') return;
      this.#standing = 'closed';
      log.error('the desk of the pool cannot be opened', { address, ...problemFields(error) });
      this.#cancel = clock.after(listenAgainMs, () => this.#use());
    }
  }

  /** Whoever is no workload has nothing to ask, and counts as one. */
  #admit(peer: Peer): (() => void) | undefined {
    const { connectionsPerService = connectionsPerServiceMax } = this.#options;
    const name = this.#askerOf(peer)?.service ?? '';
    const before = this.#connections.get(name) ?? 0;
    if (before >= connectionsPerService) return undefined;
    this.#connections.set(name, before + 1);
    return () => {
      const left = (this.#connections.get(name) ?? 1) - 1;
      if (left === 0) this.#connections.delete(name);
      else this.#connections.set(name, left);
    };
  }

  /** A connection outlives its handshake: both certificates must hold at each question. */
  #serviceOf(peer: Peer): Asker | undefined {
    if (this.#catchUp.isBehind) {
      throw new GrpcError(grpcStatus.unavailable, 'this desk may have missed a policy');
    }
    const nowMs = this.#options.clock.nowMs();
    const own = this.#identity;
    if (own === undefined || own.notAfterMs <= nowMs) {
      throw new GrpcError(grpcStatus.unavailable, 'the certificate of this desk has ended');
    }
    const asker = this.#askerOf(peer);
    if (asker?.trustDomain !== this.#trust?.trustDomain) return undefined;
    if (asker !== undefined && asker.notAfterMs <= nowMs) {
      throw new GrpcError(grpcStatus.permissionDenied, 'the SVID of who asks has ended');
    }
    return asker;
  }

  /** Read once for each connection. */
  #askerOf(peer: Peer): Asker | undefined {
    const asker = this.#askers.get(peer) ?? readAsker(peer);
    if (asker !== undefined) this.#askers.set(peer, asker);
    return asker;
  }
}

/** Undefined for whoever is no workload: hosts and the control plane have nothing to ask. */
function readAsker(peer: Peer): Asker | undefined {
  // Its chain was verified in the handshake.
  if (peer.kind !== 'tls') return undefined;
  const certificate = readCertificate(peer.certificateDer);
  const id = certificate.ok ? svidIdOf(certificate.value) : certificate;
  if (!certificate.ok || !id.ok) return undefined;
  const service = serviceOf(id.value);
  if (service === undefined) return undefined;
  const { notBeforeMs, notAfterMs } = certificate.value;
  return { trustDomain: trustDomainOf(id.value), service, notBeforeMs, notAfterMs };
}

/** Soon enough that a proxy comes again, with its next certificate, before this one has ended. */
export function connectionMs(
  { notBeforeMs, notAfterMs }: Pick<Asker, 'notBeforeMs' | 'notAfterMs'>,
  nowMs: number,
): number {
  const endMs = notBeforeMs + (notAfterMs - notBeforeMs) * connectionShare;
  return Math.max(0, (nowMs < endMs ? endMs : notAfterMs) - nowMs);
}
