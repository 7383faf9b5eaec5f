import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Clock } from '../../../src/base/clock.ts';
import type { WorkloadId } from '../../../src/compile/inventory.ts';
import { referencesOf } from '../../../src/compile/references.ts';
import { type Resource, type TypeUrl, typeUrls } from '../../../src/compile/resource.ts';
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../../src/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { CallStream } from '../../../src/serve/grpc/call.ts';
import { prefixBytes } from '../../../src/serve/grpc/frames.ts';
import type { Method } from '../../../src/serve/grpc/method.ts';
import type { Peer } from '../../../src/serve/grpc/peer.ts';

/** How the proxy takes what comes. */
export interface Manner {
  readonly delayMs: () => number;
  /** Its Envoy takes no resource that holds this. */
  readonly refuses: string;
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

  isAt(server: Served | undefined): boolean {
    return this.#link !== undefined && this.#server === server;
  }

  connect(server: Served, peer: Peer): void {
    const { method } = server;
    if (this.#link !== undefined || method.kind !== 'bidi') return;
    this.#server = server;
    const link = new Link(peer, {
      message: (bytes) => this.#take(link, fromBinary(DeltaDiscoveryResponseSchema, bytes)),
      end: () => {
        if (this.#link === link) this.#link = undefined;
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
  }

  #ask(link: Link, type: TypeUrl, names: readonly string[]): void {
    const versions = this.#has.get(type) ?? new Map<string, Held>();
    link.opened.set(type, new Set(names));
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
      link.send({
        typeUrl: type,
        resourceNamesSubscribe: more,
        resourceNamesUnsubscribe: less,
      });
    }
  }

  #take(link: Link, response: DeltaDiscoveryResponse): void {
    this.#clock.after(this.#manner.delayMs(), () => {
      if (link.isOver || this.#link !== link) return;
      const error = this.#apply(response);
      this.#subscribe(link);
      link.send({
        typeUrl: response.typeUrl,
        responseNonce: response.nonce,
        ...(error === undefined ? {} : { errorDetail: { code: 13, message: error } }),
      });
    });
  }

  #apply({ typeUrl, resources, removedResources }: DeltaDiscoveryResponse): string | undefined {
    const type = typeUrl as TypeUrl;
    const held = this.#has.get(type) ?? new Map<string, Held>();
    this.#has.set(type, held);
    const refused: string[] = [];
    for (const { name, version, resource } of resources) {
      const bytes = resource?.value ?? new Uint8Array();
      if (Buffer.from(bytes).includes(this.#manner.refuses)) refused.push(name);
      else held.set(name, { version, resource: { typeUrl: type, name, version, bytes, from: [] } });
    }
    for (const name of removedResources) held.delete(name);
    if (refused.length === 0) return undefined;
    return `Error adding/updating thing(s) ${refused.map((one) => `${one}: no`).join(', ')}`;
  }
}

type Request = Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1];

/** One stream: what `CallStream` shows to the xDS service, and the other end of it. */
class Link {
  readonly call: CallStream;
  readonly opened = new Map<TypeUrl, ReadonlySet<string>>();
  isFirst = true;
  isOver = false;
  readonly #onEnd: () => void;
  readonly #onClose = new Set<() => void>();
  readonly #sent: Uint8Array[] = [];
  #consumer: ((bytes: Uint8Array) => void) | undefined;
  #wake = (): void => {};
  #fail = (_error: unknown): void => {};

  constructor(
    peer: Peer,
    on: { readonly message: (bytes: Uint8Array) => void; readonly end: () => void },
  ) {
    this.#onEnd = on.end;
    const link = this;
    const call = {
      peer,
      get isOpen() {
        return !link.isOver;
      },
      bufferedBytes: 0,
      onClose: (run: () => void) => {
        if (link.isOver) run();
        else link.#onClose.add(run);
        return () => link.#onClose.delete(run);
      },
      onDrain: () => {},
      read: async () => {
        while (link.#sent.length === 0 && !link.isOver) {
          await new Promise<void>((resolve) => {
            link.#wake = resolve;
          });
        }
        return link.#sent.shift();
      },
      consume: async (take: (bytes: Uint8Array) => void) => {
        for (const bytes of link.#sent.splice(0)) take(bytes);
        link.#consumer = take;
        if (link.isOver) return;
        await new Promise<void>((resolve, reject) => {
          link.#wake = resolve;
          link.#fail = reject;
        });
      },
      writeFramed: (framed: Buffer) => {
        if (!link.isOver) on.message(framed.subarray(prefixBytes));
        return true;
      },
      end: () => link.over(),
      reset: () => link.over(),
    };
    this.call = call as unknown as CallStream;
  }

  send(request: Request): void {
    this.isFirst = false;
    if (this.isOver) return;
    const bytes = toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, request),
    );
    if (this.#consumer === undefined) {
      this.#sent.push(bytes);
      this.#wake();
      return;
    }
    try {
      this.#consumer(bytes);
    } catch (error) {
      this.#fail(error);
    }
  }

  over(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const run of [...this.#onClose]) run();
    this.#wake();
    this.#onEnd();
  }
}
