import { create, toBinary } from '@bufbuild/protobuf';
import type { TypeUrl } from '../../../src/compile/resource.ts';
import { DeltaDiscoveryRequestSchema } from '../../../src/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { CallStream } from '../../../src/serve/grpc/call.ts';
import { prefixBytes } from '../../../src/serve/grpc/frames.ts';
import type { Peer } from '../../../src/serve/grpc/peer.ts';

type Request = Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1];

/** One stream: what `CallStream` shows to the xDS service, and the other end of it. */
export class Link {
  readonly call: CallStream;
  readonly opened = new Map<TypeUrl, ReadonlySet<string>>();
  /** What both ends know that it has, or lacks. */
  readonly told = new Map<TypeUrl, Set<string>>();
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
