import type { Clock } from '../../base/clock.ts';
import type { Position } from '../../base/finding.ts';
import type { Result } from '../../base/result.ts';
import { type Snapshot, type TypeUrl, typeUrls } from '../../compile/resource.ts';
import type { CallStream } from '../grpc/call.ts';
import type { Method } from '../grpc/method.ts';
import type { Peer } from '../grpc/peer.ts';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import { type NodeInfo, nodeInfo } from './node-info.ts';
import { type StreamEvents, XdsStream } from './stream.ts';
import { decodeRequest } from './wire.ts';

/** What happened between the service and one proxy. */
export type XdsEvent =
  | { readonly kind: 'connected' | 'disconnected'; readonly proxy: string; readonly node: NodeInfo }
  | {
      readonly kind: 'sent' | 'acked';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly names: readonly string[];
    }
  | {
      readonly kind: 'nacked';
      readonly proxy: string;
      readonly type: TypeUrl;
      /** Empty when the message names nobody; each resource is then tried alone. */
      readonly names: readonly string[];
      readonly message: string;
      readonly from: readonly Position[];
    }
  | { readonly kind: 'converged'; readonly proxy: string }
  | { readonly kind: 'stuck'; readonly proxy: string; readonly type: TypeUrl };

export interface ProxyStatus {
  readonly streams: number;
  /** All of the present snapshot is taken or refused. */
  readonly converged: boolean;
  readonly rejected: readonly { readonly resource: string; readonly message: string }[];
}

export interface XdsServiceOptions {
  readonly clock: Clock;
  /** Which proxy's snapshot a stream gets. Its authority is the peer, not what the node claims to be (rule A6). */
  readonly authorize: (peer: Peer, node: NodeInfo) => Result<string, GrpcError>;
  readonly onEvent: (event: XdsEvent) => void;
}

const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const adsSotwPath =
  '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';
const sdsPath = '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets';

interface Proxy {
  snapshot: Snapshot;
  readonly streams: Set<XdsStream>;
  converged: boolean;
}

/** Delta xDS: ADS for proxies and, with the same engine, SDS for the agent. */
export class XdsService {
  readonly methods: readonly Method[];
  readonly #options: XdsServiceOptions;
  readonly #proxies = new Map<string, Proxy>();
  readonly #calls = new Map<CallStream, string>();

  constructor(options: XdsServiceOptions) {
    this.#options = options;
    this.methods = [
      { kind: 'bidi', path: adsPath, handle: (call) => this.#serve(call, '') },
      { kind: 'bidi', path: sdsPath, handle: (call) => this.#serve(call, typeUrls.secret) },
      { kind: 'bidi', path: adsSotwPath, handle: refuseStateOfTheWorld },
    ];
  }

  publish(proxy: string, snapshot: Snapshot): void {
    const known = this.#proxies.get(proxy);
    if (known === undefined) {
      this.#proxies.set(proxy, { snapshot, streams: new Set(), converged: false });
      return;
    }
    known.snapshot = snapshot;
    known.converged = false;
    for (const stream of known.streams) stream.update(snapshot);
  }

  /** The proxy has left the mesh: its streams end, and it gets nothing any more. */
  retire(proxy: string): void {
    this.#proxies.delete(proxy);
    for (const [call, id] of this.#calls) {
      if (id === proxy) call.end(grpcStatus.permissionDenied, `${proxy} has left the mesh`);
    }
  }

  status(proxy: string): ProxyStatus {
    const known = this.#proxies.get(proxy);
    if (known === undefined) return { streams: 0, converged: false, rejected: [] };
    const rejected = [...known.streams].flatMap(rejectedBy);
    return { streams: known.streams.size, converged: known.converged, rejected };
  }

  async #serve(call: CallStream, defaultType: string): Promise<void> {
    const bytes = await call.read();
    if (bytes === undefined) return;
    const request = decodeRequest(bytes);
    if (request.node === undefined || request.node.id === '') {
      throw new GrpcError(grpcStatus.invalidArgument, 'the first request needs node.id');
    }
    const node = nodeInfo(request.node);
    const allowed = this.#options.authorize(call.peer, node);
    if (!allowed.ok) throw allowed.error;
    const id = allowed.value;
    const proxy = this.#proxies.get(id);
    // Never an empty set: the peer would take it for "delete everything" (rule A7).
    if (proxy === undefined) {
      throw new GrpcError(grpcStatus.unavailable, `there is no configuration for ${id} yet`);
    }
    const { snapshot } = proxy;
    const stream = new XdsStream({
      call,
      clock: this.#options.clock,
      snapshot,
      events: this.#eventsOf(id, proxy),
    });
    proxy.streams.add(stream);
    this.#calls.set(call, id);
    this.#options.onEvent({ kind: 'connected', proxy: id, node });
    try {
      stream.receive(request, defaultType);
      await this.#follow(call, stream, node, defaultType);
    } finally {
      proxy.streams.delete(stream);
      this.#calls.delete(call);
      if (proxy.streams.size === 0) proxy.converged = false;
      this.#options.onEvent({ kind: 'disconnected', proxy: id, node });
    }
  }

  async #follow(
    call: CallStream,
    stream: XdsStream,
    node: NodeInfo,
    defaultType: string,
  ): Promise<void> {
    for (;;) {
      const bytes = await call.read();
      if (bytes === undefined) return;
      const request = decodeRequest(bytes);
      // The node may come again, but never another one (rule A3).
      if (request.node !== undefined && request.node.id !== '' && request.node.id !== node.id) {
        throw new GrpcError(grpcStatus.invalidArgument, 'node.id changed on an open stream');
      }
      if (request.typeUrl === '' && defaultType === '') {
        throw new GrpcError(grpcStatus.invalidArgument, 'an aggregated request needs type_url');
      }
      stream.receive(request, defaultType);
    }
  }

  #eventsOf(id: string, proxy: Proxy): StreamEvents {
    const { onEvent } = this.#options;
    return {
      sent: (type, names) => onEvent({ kind: 'sent', proxy: id, type, names }),
      acknowledged: (type, outcome) => {
        if (outcome.kind === 'ack') {
          onEvent({ kind: 'acked', proxy: id, type, names: outcome.names });
        } else if (outcome.kind === 'nack') {
          const { message, rejected } = outcome;
          const from = rejected.flatMap((name) => proxy.snapshot.get(type)?.get(name)?.from ?? []);
          onEvent({ kind: 'nacked', proxy: id, type, names: rejected, message, from });
        }
      },
      converged: (snapshot) => {
        if (proxy.snapshot !== snapshot) return;
        proxy.converged = true;
        onEvent({ kind: 'converged', proxy: id });
      },
      stuck: (type) => onEvent({ kind: 'stuck', proxy: id, type }),
    };
  }
}

function rejectedBy(stream: XdsStream): { resource: string; message: string }[] {
  return [...stream.types].flatMap(([type, state]) =>
    [...state.rejections].map(([name, { message }]) => ({
      resource: `${type.slice(type.lastIndexOf('.') + 1)} ${name}`,
      message,
    })),
  );
}

async function refuseStateOfTheWorld(): Promise<void> {
  throw new GrpcError(
    grpcStatus.unimplemented,
    'only delta xDS is served: set api_type DELTA_GRPC in the bootstrap',
  );
}
