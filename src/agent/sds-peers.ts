import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Method } from '../serve/grpc/method.ts';
import type { Peer } from '../serve/grpc/peer.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import type { WorkloadSource } from '../serve/workload/source.ts';
import { XdsService } from '../serve/xds/service.ts';
import { secretsSnapshot } from './secrets.ts';

type Admission = Promise<Result<string, GrpcError>>;

/**
 * Delta SDS on the host-wide socket: each connection has the secrets of what its process is. The engine knows a
 * connection as a proxy of its own; it begins with the first stream and ends with the last one. An Envoy opens a stream
 * for each secret at once, so all that come before the first secrets are there wait for the same.
 */
export class SdsPeers {
  readonly #source: WorkloadSource;
  readonly #xds: XdsService;
  readonly #admissions = new WeakMap<Peer, Admission>();
  readonly #ends = new Map<string, (why?: GrpcError) => void>();
  #count = 0;

  constructor(source: WorkloadSource, options: { readonly clock: Clock; readonly log: Log }) {
    this.#source = source;
    this.#xds = new XdsService({
      clock: options.clock,
      quarantines: false,
      authorize: (peer) => this.#admit(peer),
      onEvent: (event) => {
        if (event.kind === 'nacked') {
          const { names, message } = event;
          options.log.error('a client refused a secret', { names, problem: message });
        }
        if (event.kind === 'disconnected' && this.#xds.status(event.proxy).streams === 0) {
          this.#ends.get(event.proxy)?.();
        }
      },
    });
  }

  get methods(): readonly Method[] {
    return this.#xds.methods.filter(({ path }) => path.endsWith('/DeltaSecrets'));
  }

  /** Resolves when the peer's secrets are there, or with why it gets none. */
  #admit(peer: Peer): Admission {
    const known = this.#admissions.get(peer);
    if (known !== undefined) return known;
    const admission = this.#open(peer);
    this.#admissions.set(peer, admission);
    return admission;
  }

  #open(peer: Peer): Admission {
    this.#count += 1;
    const id = `connection-${this.#count}`;
    return new Promise((resolve) => {
      let stop = (): void => {};
      let ended = false;
      const end = (why?: GrpcError): void => {
        if (ended) return;
        ended = true;
        // The first update may come before watch() returns.
        queueMicrotask(() => stop());
        this.#admissions.delete(peer);
        this.#ends.delete(id);
        this.#xds.retire(id, why);
      };
      this.#ends.set(id, end);
      stop = this.#source.watch(peer, (update) => {
        if (ended) return;
        if (update.kind === 'view') {
          this.#xds.publish(id, secretsSnapshot(update.view));
          return resolve(ok(id));
        }
        const { kind, reason } = update;
        const code = kind === 'denied' ? grpcStatus.permissionDenied : grpcStatus.unavailable;
        const why = new GrpcError(code, reason);
        end(why);
        resolve(err(why));
      });
    });
  }
}
