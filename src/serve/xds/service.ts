import type { Clock } from '../../base/clock.ts';
import type { Position } from '../../base/finding.ts';
import type { Result } from '../../base/result.ts';
import { type Resource, type Snapshot, type TypeUrl, typeUrls } from '../../compile/resource.ts';
import type { CallStream } from '../grpc/call.ts';
import type { Method } from '../grpc/method.ts';
import type { Peer } from '../grpc/peer.ts';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import { type NodeInfo, nodeInfo } from './node-info.ts';
import {
  type ProxyStatus,
  proxyStatus,
  type ResourceStatus,
  resourceStatuses,
} from './proxy-status.ts';
import { Quarantine } from './quarantine.ts';
import { type StreamEvents, XdsStream } from './stream.ts';
import { TypeMemory } from './type-memory.ts';
import { decodeRequest } from './wire.ts';

/** What happened between the service and one proxy. */
export type XdsEvent =
  | { readonly kind: 'connected' | 'disconnected'; readonly proxy: string; readonly node: NodeInfo }
  /** A stream asks for a type for the first time, and says what its proxy has of it. */
  | {
      readonly kind: 'opened';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly versions: ReadonlyMap<string, string>;
    }
  | {
      readonly kind: 'sent';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly resources: readonly Resource[];
    }
  | {
      readonly kind: 'acked';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly names: readonly string[];
      readonly accepted: readonly Resource[];
      readonly removed: readonly string[];
      /** Accepted, but not what is wanted now: last good ones, or overtaken. */
      readonly overtaken: readonly string[];
      readonly tookMs: number;
    }
  | {
      readonly kind: 'nacked';
      readonly proxy: string;
      readonly type: TypeUrl;
      /** Empty when the message names nobody; each resource is then tried alone. */
      readonly names: readonly string[];
      readonly rejected: readonly Resource[];
      readonly message: string;
      readonly from: readonly Position[];
    }
  /** So many proxies refused one content that the others are spared it. */
  | {
      readonly kind: 'quarantined';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly name: string;
      readonly version: string;
    }
  /** `tookMs`: since the snapshot was published; since the connection for a proxy that came later. */
  | { readonly kind: 'converged'; readonly proxy: string; readonly tookMs: number }
  | { readonly kind: 'stuck'; readonly proxy: string; readonly type: TypeUrl };

export interface XdsServiceOptions {
  readonly clock: Clock;
  /** Which proxy's snapshot a stream gets. Its authority is the peer, not what the node claims to be (rule A6). */
  readonly authorize: (
    peer: Peer,
    node: NodeInfo,
  ) => Result<string, GrpcError> | Promise<Result<string, GrpcError>>;
  readonly onEvent: (event: XdsEvent) => void;
  /**
   * Whether what several peers refused is withheld from all; true when left out. Not where anybody may connect: a
   * process could have others go without a new bundle by refusing it often enough.
   */
  readonly quarantines?: boolean;
}

/** Requests that got no answer, by why. */
export interface XdsCounters {
  unknownType: number;
  staleNonce: number;
}

const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const adsSotwPath =
  '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';
const sdsPath = '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets';

/** A hot restart has two ADS streams for a while; an Envoy opens one SDS stream per secret. */
const streamsPerProxyMax = 64;

interface Proxy {
  snapshot: Snapshot;
  publishedAtMs: number;
  readonly streams: Map<XdsStream, CallStream>;
  readonly memories: Map<TypeUrl, TypeMemory>;
}

/** Delta xDS: ADS for proxies and, with the same engine, SDS for the agent. */
export class XdsService {
  readonly methods: readonly Method[];
  readonly counters: Readonly<XdsCounters>;
  readonly #counters: XdsCounters = { unknownType: 0, staleNonce: 0 };
  readonly #options: XdsServiceOptions;
  readonly #proxies = new Map<string, Proxy>();
  readonly #quarantine = new Quarantine();
  #streamCount = 0;

  constructor(options: XdsServiceOptions) {
    this.#options = options;
    this.counters = this.#counters;
    this.methods = [
      { kind: 'bidi', path: adsPath, handle: (call) => this.#serve(call, undefined) },
      { kind: 'bidi', path: sdsPath, handle: (call) => this.#serve(call, typeUrls.secret) },
      { kind: 'bidi', path: adsSotwPath, handle: refuseStateOfTheWorld },
    ];
  }

  /** A proxy gets nothing, and may not connect, before its first snapshot. */
  publish(proxy: string, snapshot: Snapshot): void {
    const publishedAtMs = this.#options.clock.monotonicMs();
    const known = this.#proxies.get(proxy);
    if (known === undefined) {
      const fresh = { snapshot, publishedAtMs, streams: new Map(), memories: new Map() };
      this.#proxies.set(proxy, fresh);
      return;
    }
    known.snapshot = snapshot;
    known.publishedAtMs = publishedAtMs;
    for (const stream of known.streams.keys()) stream.update(snapshot);
  }

  /** The proxy has left the mesh: its streams end, and it gets nothing any more. */
  retire(
    proxy: string,
    why = new GrpcError(grpcStatus.permissionDenied, `${proxy} has left the mesh`),
  ): void {
    const known = this.#proxies.get(proxy);
    this.#proxies.delete(proxy);
    for (const call of known?.streams.values() ?? []) call.end(why.code, why.message);
  }

  status(proxy: string): ProxyStatus {
    const known = this.#proxies.get(proxy);
    if (known === undefined) return { streams: 0, converged: false, rejected: [] };
    return proxyStatus(known.snapshot, new Set(known.streams.keys()));
  }

  statuses(): ReadonlyMap<string, ProxyStatus> {
    return new Map([...this.#proxies.keys()].map((proxy) => [proxy, this.status(proxy)]));
  }

  /** Every resource of the proxy's snapshot, once for each of its streams. */
  resources(proxy: string): readonly (readonly ResourceStatus[])[] {
    const known = this.#proxies.get(proxy);
    if (known === undefined) return [];
    return [...known.streams.keys()].map((stream) => resourceStatuses(known.snapshot, stream));
  }

  async #serve(call: CallStream, onlyType: TypeUrl | undefined): Promise<void> {
    const bytes = await call.read();
    if (bytes === undefined) return;
    const request = decodeRequest(bytes);
    const typeUrl = typeOf(request.typeUrl, onlyType);
    if (request.node === undefined || request.node.id === '') {
      throw new GrpcError(grpcStatus.invalidArgument, 'the first request needs node.id');
    }
    const node = nodeInfo(request.node);
    const { id, proxy } = await this.#admit(call, node);
    const stream = this.#openStream(call, id, proxy);
    this.#options.onEvent({ kind: 'connected', proxy: id, node });
    try {
      stream.receive(request, typeUrl);
      await follow(call, stream, node, onlyType);
    } finally {
      proxy.streams.delete(stream);
      this.#options.onEvent({ kind: 'disconnected', proxy: id, node });
    }
  }

  /** Who may have which snapshot; nothing of it is sent before (rule A6). */
  async #admit(
    call: CallStream,
    node: NodeInfo,
  ): Promise<{ readonly id: string; readonly proxy: Proxy }> {
    const allowed = await this.#options.authorize(call.peer, node);
    if (!allowed.ok) throw allowed.error;
    const id = allowed.value;
    const proxy = this.#proxies.get(id);
    // Never an empty set: the peer would take it for "delete everything" (rule A7).
    if (proxy === undefined) {
      throw new GrpcError(grpcStatus.unavailable, `there is no configuration for ${id} yet`);
    }
    if (proxy.streams.size >= streamsPerProxyMax) {
      throw new GrpcError(grpcStatus.resourceExhausted, `${id} has too many streams`);
    }
    return { id, proxy };
  }

  #openStream(call: CallStream, id: string, proxy: Proxy): XdsStream {
    this.#streamCount += 1;
    const stream = new XdsStream({
      call,
      clock: this.#options.clock,
      snapshot: proxy.snapshot,
      noncePrefix: this.#streamCount.toString(36),
      memory: (type) => memoryOf(proxy, type),
      isQuarantined: (resource) => this.#quarantine.has(resource),
      events: this.#eventsOf(id, proxy),
    });
    proxy.streams.set(stream, call);
    return stream;
  }

  #eventsOf(id: string, proxy: Proxy): StreamEvents {
    const { onEvent, clock } = this.#options;
    const openedAtMs = clock.monotonicMs();
    return {
      opened: (type, versions) => onEvent({ kind: 'opened', proxy: id, type, versions }),
      sent: (type, { resources }) => onEvent({ kind: 'sent', proxy: id, type, resources }),
      acknowledged: (type, outcome) => {
        if (type === typeUrls.secret) this.#lookLater(proxy);
        if (outcome.kind === 'ack') {
          const { kind: _, ...taken } = outcome;
          onEvent({ kind: 'acked', proxy: id, type, ...taken });
        } else if (outcome.kind === 'nack') {
          this.#refused(id, type, outcome);
        }
      },
      converged: () => {
        const sinceMs = Math.max(openedAtMs, proxy.publishedAtMs);
        onEvent({ kind: 'converged', proxy: id, tookMs: clock.monotonicMs() - sinceMs });
      },
      stuck: (type) => onEvent({ kind: 'stuck', proxy: id, type }),
      ignored: (reason) => {
        if (reason === 'unknown type') this.#counters.unknownType += 1;
        else this.#counters.staleNonce += 1;
      },
    };
  }

  /** Secrets of one proxy may be on several streams, and one good one lets the others go (rule D6). */
  #lookLater(proxy: Proxy): void {
    if (proxy.streams.size < 2) return;
    queueMicrotask(() => {
      for (const stream of proxy.streams.keys()) stream.look();
    });
  }

  #refused(
    proxy: string,
    type: TypeUrl,
    { message, rejected }: Extract<Parameters<StreamEvents['acknowledged']>[1], { kind: 'nack' }>,
  ): void {
    const { onEvent } = this.#options;
    const names = rejected.map((resource) => resource.name);
    const from = rejected.flatMap((resource) => resource.from);
    onEvent({ kind: 'nacked', proxy, type, names, rejected, message, from });
    if (this.#options.quarantines === false) return;
    for (const resource of rejected) {
      if (!this.#quarantine.refuse(resource, proxy)) continue;
      const { name, version } = resource;
      onEvent({ kind: 'quarantined', proxy, type, name, version });
    }
  }
}

async function follow(
  call: CallStream,
  stream: XdsStream,
  node: NodeInfo,
  onlyType: TypeUrl | undefined,
): Promise<void> {
  for (;;) {
    const bytes = await call.read();
    if (bytes === undefined) return;
    const request = decodeRequest(bytes);
    // The node may come again, but never another one (rule A3).
    if (request.node !== undefined && request.node.id !== '' && request.node.id !== node.id) {
      throw new GrpcError(grpcStatus.invalidArgument, 'node.id changed on an open stream');
    }
    stream.receive(request, typeOf(request.typeUrl, onlyType));
  }
}

/** A per-type RPC has one type, which its requests may leave out; an aggregated one must name it (rule A4). */
function typeOf(typeUrl: string, onlyType: TypeUrl | undefined): string {
  if (onlyType === undefined && typeUrl === '') {
    throw new GrpcError(grpcStatus.invalidArgument, 'an aggregated request needs type_url');
  }
  if (onlyType !== undefined && typeUrl !== '' && typeUrl !== onlyType) {
    throw new GrpcError(grpcStatus.invalidArgument, `this method serves only ${onlyType}`);
  }
  return onlyType ?? typeUrl;
}

function memoryOf(proxy: Proxy, type: TypeUrl): TypeMemory {
  const known = proxy.memories.get(type);
  if (known !== undefined) return known;
  const fresh = new TypeMemory();
  proxy.memories.set(type, fresh);
  return fresh;
}

async function refuseStateOfTheWorld(): Promise<void> {
  throw new GrpcError(
    grpcStatus.unimplemented,
    'only delta xDS is served: set api_type DELTA_GRPC in the bootstrap',
  );
}
