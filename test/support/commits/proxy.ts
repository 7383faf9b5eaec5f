import { fromBinary } from '@bufbuild/protobuf';
import type { Clock } from '../../../src/base/clock.ts';
import type { WorkloadId } from '../../../src/compile/inventory.ts';
import { referencesOf } from '../../../src/compile/references.ts';
import { type Resource, type TypeUrl, typeUrls } from '../../../src/compile/resource.ts';
import {
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../../src/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { Method } from '../../../src/serve/grpc/method.ts';
import type { Peer } from '../../../src/serve/grpc/peer.ts';
import { Link } from './proxy-link.ts';

/** How the proxy takes what comes. */
export interface Manner {
  readonly delayMs: () => number;
  /** Its Envoy takes no resource that holds one of these. */
  readonly refuses: readonly string[];
}

interface Served {
  readonly method: Method;
}

interface Held {
  readonly version: string;
  readonly resource: Resource;
}

/** A delta xDS client as an Envoy is one, without a socket. */
export class SimProxy {
  readonly id: WorkloadId;
  readonly #clock: Clock;
  readonly #manner: Manner;
  readonly #has = new Map<TypeUrl, Map<string, Held>>();
  /** What it was sent although it had it and had not asked for it. */
  readonly idle: string[] = [];
  connectedSinceMs: number | undefined;
  #hangsUntilMs = 0;
  /** What comes is taken in the order in which it came. */
  #busyUntilMs = 0;
  #waiting = 0;
  #movedMs = 0;
  #link: Link | undefined;
  #server: Served | undefined;

  constructor(id: WorkloadId, clock: Clock, manner: Manner) {
    this.id = id;
    this.#clock = clock;
    this.#manner = manner;
  }

  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  /** Versions by type and name of all that it has taken. */
  get versions(): ReadonlyMap<string, string> {
    return new Map(
      [...this.#has].flatMap(([type, held]) =>
        [...held].map(([name, { version }]) => [`${type} ${name}`, version] as const),
      ),
    );
  }

  /** Whether something that it has taken holds this text. */
  has(text: string): boolean {
    return [...this.#has.values()].some((held) =>
      [...held.values()].some(({ resource }) => Buffer.from(resource.bytes).includes(text)),
    );
  }

  /** Since when it has had nothing to do; undefined: it has, or has no control plane. */
  get quietSinceMs(): number | undefined {
    return this.#link === undefined || this.#waiting > 0 ? undefined : this.#movedMs;
  }

  /** It holds its stream and takes nothing for so long. */
  hang(ms: number): void {
    this.#hangsUntilMs = this.#clock.monotonicMs() + ms;
  }

  get isHanging(): boolean {
    return this.#hangsUntilMs > this.#clock.monotonicMs();
  }

  /** Another process takes its place, and knows nothing. */
  restart(): void {
    this.disconnect();
    this.#has.clear();
    this.#hangsUntilMs = 0;
  }

  isAt(server: Served | undefined): boolean {
    return this.#link !== undefined && this.#server === server;
  }

  connect(server: Served, peer: Peer): void {
    const { method } = server;
    if (this.#link !== undefined || method.kind !== 'bidi') return;
    this.#server = server;
    this.#waiting = 0;
    this.connectedSinceMs = this.#clock.monotonicMs();
    this.#movedMs = this.#clock.monotonicMs();
    const link = new Link(peer, {
      message: (bytes) => this.#take(link, fromBinary(DeltaDiscoveryResponseSchema, bytes)),
      end: () => {
        if (this.#link !== link) return;
        this.#link = undefined;
        this.connectedSinceMs = undefined;
      },
    });
    this.#link = link;
    void method.handle(link.call).then(
      () => link.over(),
      () => link.over(),
    );
    this.#ask(link, typeUrls.cluster, []);
    this.#ask(link, typeUrls.listener, []);
    this.#subscribe(link);
  }

  disconnect(): void {
    this.#link?.over();
    this.#link = undefined;
    this.connectedSinceMs = undefined;
  }

  #ask(link: Link, type: TypeUrl, names: readonly string[]): void {
    const versions = this.#has.get(type) ?? new Map<string, Held>();
    link.opened.set(type, new Set(names));
    link.told.set(type, new Set(versions.keys()));
    link.send({
      typeUrl: type,
      resourceNamesSubscribe: [...names],
      initialResourceVersions: Object.fromEntries(
        [...versions].map(([name, { version }]) => [name, version]),
      ),
      ...(link.isFirst ? { node: { id: this.id } } : {}),
    });
  }

  /** Asks for what is named by what it has, and for nothing else any more. */
  #subscribe(link: Link): void {
    const named = new Map<TypeUrl, Set<string>>();
    for (const held of this.#has.values()) {
      for (const { resource } of held.values()) {
        for (const { to, name } of referencesOf(resource).found) {
          if (to !== 'endpoints' && to !== 'routes' && to !== 'extension') continue;
          const names = named.get(typeUrls[to]) ?? new Set();
          named.set(typeUrls[to], names.add(name));
        }
      }
    }
    for (const type of [typeUrls.endpoints, typeUrls.routes, typeUrls.extension]) {
      const wanted = named.get(type) ?? new Set<string>();
      const asked = link.opened.get(type);
      const held = this.#has.get(type);
      for (const name of held?.keys() ?? []) if (!wanted.has(name)) held?.delete(name);
      if (asked === undefined) {
        if (wanted.size > 0) this.#ask(link, type, [...wanted]);
        continue;
      }
      const more = [...wanted].filter((name) => !asked.has(name));
      const less = [...asked].filter((name) => !wanted.has(name));
      if (more.length + less.length === 0) continue;
      link.opened.set(type, wanted);
      for (const name of more) link.told.get(type)?.delete(name);
      link.send({
        typeUrl: type,
        resourceNamesSubscribe: more,
        resourceNamesUnsubscribe: less,
      });
    }
  }

  #take(link: Link, response: DeltaDiscoveryResponse): void {
    const nowMs = this.#clock.monotonicMs();
    this.#busyUntilMs = Math.max(
      ...[this.#busyUntilMs, this.#hangsUntilMs, nowMs + this.#manner.delayMs()],
    );
    this.#waiting += 1;
    const take = (): void => {
      if (link.isOver || this.#link !== link) return;
      const againMs = this.#hangsUntilMs - this.#clock.monotonicMs();
      if (againMs > 0) {
        this.#clock.after(againMs, take);
        return;
      }
      this.#waiting -= 1;
      this.#movedMs = this.#clock.monotonicMs();
      const error = this.#apply(link, response);
      this.#subscribe(link);
      link.send({
        typeUrl: response.typeUrl,
        responseNonce: response.nonce,
        ...(error === undefined ? {} : { errorDetail: { code: 13, message: error } }),
      });
    };
    this.#clock.after(this.#busyUntilMs - nowMs, take);
  }

  #apply(
    link: Link,
    { typeUrl, resources, removedResources }: DeltaDiscoveryResponse,
  ): string | undefined {
    const type = typeUrl as TypeUrl;
    const held = this.#has.get(type) ?? new Map<string, Held>();
    this.#has.set(type, held);
    const told = link.told.get(type) ?? new Set();
    const refused: string[] = [];
    for (const { name, version, resource } of resources) {
      const bytes = resource?.value ?? new Uint8Array();
      if (this.#manner.refuses.some((text) => Buffer.from(bytes).includes(text))) {
        refused.push(name);
        // What it had may be sent again in its place.
        told.delete(name);
        continue;
      }
      if (told.has(name) && held.get(name)?.version === version) this.idle.push(`${type} ${name}`);
      told.add(name);
      held.set(name, { version, resource: { typeUrl: type, name, version, bytes, from: [] } });
    }
    for (const name of removedResources) {
      // Gone is gone: to be told so of what it neither has nor asked for is nothing.
      if (!held.delete(name) && told.has(name)) this.idle.push(`${type} ${name} removed`);
      told.add(name);
    }
    if (refused.length === 0) return undefined;
    return `Error adding/updating thing(s) ${refused.map((one) => `${one}: no`).join(', ')}`;
  }
}
