import type { Clock } from '../../base/clock.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import type { Result } from '../../base/result.ts';
import { type Snapshot, type TypeUrl, typeUrls } from '../../compile/resource.ts';
import type { CallStream } from '../grpc/call.ts';
import type { Method } from '../grpc/method.ts';
import type { Peer } from '../grpc/peer.ts';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import { patienceMs } from './completeness.ts';
import { type XdsCounters, XdsTally } from './counters.ts';
import { spread } from './drain.ts';
import type { XdsEvent } from './events.ts';
import { type NodeInfo, nodeInfo } from './node-info.ts';
import { nothingOnDemand } from './on-demand.ts';
import {
  type ProxyStatus,
  proxyStatus,
  type ResourceStatus,
  resourceStatuses,
  type StatusContext,
} from './proxy-status.ts';
import { Quarantine, type QuarantinedResource, type RefusedFrom, wholeFrom } from './quarantine.ts';
import { follow, refuseStateOfTheWorld, typeOf } from './requests.ts';
import { type StreamEvents, XdsStream } from './stream.ts';
import { TypeMemory } from './type-memory.ts';
import { decodeRequest } from './wire.ts';

interface XdsServiceOptions {
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
  /** Those of a part first where the message tells; all in the order that they have when left out. */
  readonly refusedFrom?: RefusedFrom;
  /** For the moments at which streams are drained; the system's when left out. */
  readonly random?: Random;
}

const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const adsSotwPath =
  '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';
const sdsPath = '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets';

/** A hot restart has two ADS streams for a while; an Envoy opens one SDS stream per secret. */
const streamsPerProxyMax = 64;

interface Proxy {
  snapshot: Snapshot;
  /** What it gets beside that when it asks by name. */
  onDemand: Snapshot;
  publishedAtMs: number;
  /** Since when a connected proxy does not have all of its snapshot. */
  dirtySinceMs: number | undefined;
  /** When it last became clean, or went away. */
  settledAtMs: number;
  /** Streams ended one after the other since it asked for less than it needs. */
  incompleteResets: number;
  readonly streams: Map<XdsStream, CallStream>;
  readonly memories: Map<TypeUrl, TypeMemory>;
}

/** A peer whose first request was taken. */
interface OpenPeer {
  readonly id: string;
  readonly node: NodeInfo;
  readonly proxy: Proxy;
  readonly stream: XdsStream;
}

/** Delta xDS: ADS for proxies and, with the same engine, SDS for the agent. */
export class XdsService {
  readonly methods: readonly Method[];
  readonly #tally = new XdsTally();
  readonly #options: XdsServiceOptions;
  readonly #proxies = new Map<string, Proxy>();
  readonly #refusedFrom: RefusedFrom;
  readonly #quarantine: Quarantine;
  #streamCount = 0;
  #isDraining = false;

  constructor(options: XdsServiceOptions) {
    this.#options = options;
    this.#refusedFrom = options.refusedFrom ?? wholeFrom;
    this.#quarantine = new Quarantine(this.#refusedFrom);
    this.methods = [
      { kind: 'bidi', path: adsPath, handle: (call) => this.#serve(call, undefined) },
      { kind: 'bidi', path: sdsPath, handle: (call) => this.#serve(call, typeUrls.secret) },
      { kind: 'bidi', path: adsSotwPath, handle: refuseStateOfTheWorld },
    ];
  }

  /**
   * A proxy gets nothing, and may not connect, before its first snapshot. `onDemand`: what it gets beside that, but only
   * when it asks for it by name, such as clusters of services that its own may call, and their endpoints (rule I2).
   */
  publish(proxy: string, snapshot: Snapshot, onDemand: Snapshot = nothingOnDemand): void {
    const publishedAtMs = this.#options.clock.monotonicMs();
    const known = this.#proxies.get(proxy);
    if (known === undefined) {
      this.#proxies.set(proxy, freshProxy({ snapshot, onDemand, publishedAtMs }));
      return;
    }
    known.snapshot = snapshot;
    known.onDemand = onDemand;
    known.publishedAtMs = publishedAtMs;
    if (known.streams.size > 0) known.dirtySinceMs ??= publishedAtMs;
    for (const stream of known.streams.keys()) stream.update(snapshot, onDemand);
    this.#settle(known);
  }

  /**
   * For a server that goes down: ends every stream, with trailers and spread over `spreadMs`, since a GOAWAY alone
   * leaves streams up (rule A12). New ones are refused. Resolves after the last.
   */
  async drain(spreadMs: number): Promise<void> {
    this.#isDraining = true;
    const calls = [...this.#proxies.values()].flatMap(({ streams }) => [...streams.values()]);
    const { clock, random = systemRandom } = this.#options;
    const end = (call: CallStream): void => {
      if (!call.isOpen) return;
      this.#tally.counts.drained += 1;
      call.end(grpcStatus.unavailable, 'the server is going down');
    };
    await spread(calls, end, { clock, random, spreadMs });
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
    return proxyStatus(this.#contextOf(this.#proxies.get(proxy)));
  }

  statuses(): ReadonlyMap<string, ProxyStatus> {
    return new Map([...this.#proxies.keys()].map((proxy) => [proxy, this.status(proxy)]));
  }

  /** Every resource that the proxy is to have, once for each of its streams. */
  resources(proxy: string): readonly (readonly ResourceStatus[])[] {
    const known = this.#proxies.get(proxy);
    const context = this.#contextOf(known);
    return [...context.streams].map((stream) => resourceStatuses(context, stream));
  }

  /** What goes to no other proxy since several refused it. `sinceMs`: milliseconds since the epoch. */
  quarantined(): readonly QuarantinedResource[] {
    return this.#quarantine.list().map((one) => ({ ...one, sinceMs: this.#wallMs(one.sinceMs) }));
  }

  get counters(): XdsCounters {
    const nowMs = this.#options.clock.monotonicMs();
    let streams = 0;
    let dirtyAgeMs = 0;
    for (const proxy of this.#proxies.values()) {
      streams += proxy.streams.size;
      dirtyAgeMs = Math.max(dirtyAgeMs, nowMs - (proxy.dirtySinceMs ?? nowMs));
    }
    return this.#tally.snapshot({ streams, dirtyAgeMs });
  }

  #contextOf(known: Proxy | undefined): StatusContext {
    return {
      streams: new Set(known?.streams.keys()),
      dirtySinceMs: known?.dirtySinceMs,
      settledAtMs: known?.settledAtMs ?? 0,
      refusedFrom: this.#refusedFrom,
      quarantinedSinceMs: (resource) => this.#quarantine.sinceMs(resource),
      wallMs: (atMs) => this.#wallMs(atMs),
    };
  }

  #wallMs(monotonicMs: number): number {
    const { clock } = this.#options;
    return Math.round(clock.nowMs() - clock.monotonicMs() + monotonicMs);
  }

  /** Nothing is open any more: every stream of the proxy has all of its snapshot, or there is none. */
  #settle(proxy: Proxy): void {
    if (proxy.dirtySinceMs === undefined) return;
    if (![...proxy.streams.keys()].every((stream) => stream.isConverged)) return;
    proxy.dirtySinceMs = undefined;
    proxy.settledAtMs = this.#options.clock.monotonicMs();
  }

  async #serve(call: CallStream, onlyType: TypeUrl | undefined): Promise<void> {
    const peer = await this.#open(call, onlyType);
    if (peer === undefined) return;
    try {
      await follow(call, peer.stream, peer.node, onlyType);
    } finally {
      this.#leave(peer);
    }
  }

  /** A call of its own, so that nothing of the 61 KB of a first request lives as long as the stream. */
  async #open(call: CallStream, onlyType: TypeUrl | undefined): Promise<OpenPeer | undefined> {
    const bytes = await call.read();
    if (bytes === undefined) return undefined;
    const request = decodeRequest(bytes);
    const typeUrl = typeOf(request.typeUrl, onlyType);
    if (request.node === undefined || request.node.id === '') {
      throw new GrpcError(grpcStatus.invalidArgument, 'the first request needs node.id');
    }
    const node = nodeInfo(request.node);
    const { id, proxy } = await this.#admit(call, node);
    const peer = { id, node, proxy, stream: this.#openStream(call, id, proxy) };
    this.#options.onEvent({ kind: 'connected', proxy: id, node });
    try {
      peer.stream.receive(request, typeUrl);
    } catch (error) {
      this.#leave(peer);
      throw error;
    }
    return peer;
  }

  #leave({ id, node, proxy, stream }: OpenPeer): void {
    proxy.streams.delete(stream);
    this.#settle(proxy);
    if (proxy.streams.size === 0) proxy.settledAtMs = this.#options.clock.monotonicMs();
    this.#options.onEvent({ kind: 'disconnected', proxy: id, node });
  }

  /** Who may have which snapshot; nothing of it is sent before (rule A6). */
  async #admit(
    call: CallStream,
    node: NodeInfo,
  ): Promise<{ readonly id: string; readonly proxy: Proxy }> {
    if (this.#isDraining) {
      throw new GrpcError(grpcStatus.unavailable, 'the server is going down');
    }
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
      onDemand: proxy.onDemand,
      patienceMs: patienceMs(proxy.incompleteResets),
      noncePrefix: this.#streamCount.toString(36),
      memory: (type) => memoryOf(proxy, type),
      quarantine: this.#quarantine,
      events: this.#eventsOf(id, proxy),
    });
    proxy.streams.set(stream, call);
    proxy.dirtySinceMs ??= this.#options.clock.monotonicMs();
    this.#tally.counts.streamsOpened += 1;
    return stream;
  }

  #eventsOf(id: string, proxy: Proxy): StreamEvents {
    const { onEvent, clock } = this.#options;
    const openedAtMs = clock.monotonicMs();
    return {
      opened: (type, versions) => onEvent({ kind: 'opened', proxy: id, type, versions }),
      sent: (type, { resources }, push) => {
        this.#tally.sent(type, push);
        onEvent({ kind: 'sent', proxy: id, type, resources });
      },
      acknowledged: (type, outcome) => {
        if (type === typeUrls.secret) this.#lookLater(proxy);
        if (outcome.kind === 'none') return;
        this.#tally.acknowledged(type, outcome.kind, outcome.tookMs);
        if (outcome.kind === 'ack') {
          const { kind: _, ...taken } = outcome;
          onEvent({ kind: 'acked', proxy: id, type, ...taken });
        } else {
          this.#refused(id, type, outcome);
        }
      },
      dropped: (type, names) => onEvent({ kind: 'dropped', proxy: id, type, names }),
      converged: () => {
        const sinceMs = Math.max(openedAtMs, proxy.publishedAtMs);
        proxy.incompleteResets = 0;
        this.#settle(proxy);
        onEvent({ kind: 'converged', proxy: id, tookMs: clock.monotonicMs() - sinceMs });
      },
      ...this.#troublesOf(id, proxy),
    };
  }

  #troublesOf(id: string, proxy: Proxy) {
    const { onEvent } = this.#options;
    const { counts } = this.#tally;
    return {
      stuck: (type: TypeUrl): void => {
        counts.stuck += 1;
        onEvent({ kind: 'stuck', proxy: id, type });
      },
      incomplete: (types: readonly TypeUrl[]): void => {
        counts.incomplete += 1;
        proxy.incompleteResets += 1;
        onEvent({ kind: 'incomplete', proxy: id, types });
      },
      healed: (type: TypeUrl, names: readonly string[]): void => {
        counts.healed += names.length;
        onEvent({ kind: 'healed', proxy: id, type, names });
      },
      ignored: (reason: 'unknown type' | 'stale nonce'): void => {
        if (reason === 'unknown type') counts.unknownType += 1;
        else counts.staleNonce += 1;
      },
      slowReader: (): void => {
        counts.slowReaders += 1;
      },
      forgotten: (count: number): void => {
        counts.forgottenNames += count;
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
    const { onEvent, clock } = this.#options;
    const names = rejected.map((resource) => resource.name);
    const from = rejected.flatMap((resource) => this.#refusedFrom(resource, message));
    onEvent({ kind: 'nacked', proxy, type, names, rejected, message, from });
    if (this.#options.quarantines === false) return;
    for (const resource of rejected) {
      const by = { proxy, message, nowMs: clock.monotonicMs() };
      if (!this.#quarantine.refuse(resource, by)) continue;
      this.#tally.counts.quarantined += 1;
      const { name, version } = resource;
      onEvent({ kind: 'quarantined', proxy, type, name, version });
    }
  }
}

function freshProxy(published: Pick<Proxy, 'snapshot' | 'onDemand' | 'publishedAtMs'>): Proxy {
  const { publishedAtMs } = published;
  return {
    ...published,
    dirtySinceMs: undefined,
    settledAtMs: publishedAtMs,
    incompleteResets: 0,
    streams: new Map(),
    memories: new Map(),
  };
}

function memoryOf(proxy: Proxy, type: TypeUrl): TypeMemory {
  const known = proxy.memories.get(type);
  if (known !== undefined) return known;
  const fresh = new TypeMemory();
  proxy.memories.set(type, fresh);
  return fresh;
}
