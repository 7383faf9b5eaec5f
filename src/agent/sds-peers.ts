import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Method } from '../serve/grpc/method.ts';
import type { Peer } from '../serve/grpc/peer.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import type { WorkloadSource } from '../serve/workload/source.ts';
import { XdsService } from '../serve/xds/service.ts';
import { secretsSnapshot } from './secrets.ts';

/**
 * Delta SDS on the host-wide socket: each connection has the secrets of what its process is. The engine knows a
 * connection as a proxy of its own; it begins with the first secrets and ends with the last stream.
 */
export class SdsPeers {
  readonly #source: WorkloadSource;
  readonly #xds: XdsService;
  readonly #ids = new WeakMap<Peer, string>();
  readonly #stops = new Map<string, () => void>();
  #count = 0;

  constructor(source: WorkloadSource, options: { readonly clock: Clock; readonly log: Log }) {
    this.#source = source;
    this.#xds = new XdsService({
      clock: options.clock,
      authorize: (peer) => this.#admit(peer),
      onEvent: (event) => {
        if (event.kind === 'nacked') {
          options.log.error('a client refused a secret', { problem: event.message });
        }
        if (event.kind === 'disconnected' && this.#xds.status(event.proxy).streams === 0) {
          this.#end(event.proxy);
        }
      },
    });
  }

  get methods(): readonly Method[] {
    return this.#xds.methods.filter(({ path }) => path.endsWith('/DeltaSecrets'));
  }

  /** Resolves when the peer's secrets are there, or with why it gets none. */
  #admit(peer: Peer): Promise<Result<string, GrpcError>> {
    const known = this.#ids.get(peer);
    if (known !== undefined && this.#stops.has(known)) return Promise.resolve(ok(known));
    this.#count += 1;
    const id = `connection-${this.#count}`;
    this.#ids.set(peer, id);
    return new Promise((resolve) => {
      const stop = this.#source.watch(peer, (update) => {
        if (update.kind === 'view') {
          this.#xds.publish(id, secretsSnapshot(update.view));
          return resolve(ok(id));
        }
        this.#end(id);
        const { kind, reason } = update;
        const code = kind === 'denied' ? grpcStatus.permissionDenied : grpcStatus.unavailable;
        resolve(err(new GrpcError(code, reason)));
      });
      this.#stops.set(id, stop);
    });
  }

  #end(id: string): void {
    this.#stops.get(id)?.();
    this.#stops.delete(id);
    this.#xds.retire(id);
  }
}
