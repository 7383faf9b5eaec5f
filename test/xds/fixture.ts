import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { err, ok } from '../../src/base/result.ts';
import { type Resource, type Snapshot, typeUrls } from '../../src/compile/resource.ts';
import { GrpcClient } from '../../src/serve/grpc/client.ts';
import { createGrpcServer } from '../../src/serve/grpc/server.ts';
import { GrpcError, grpcStatus } from '../../src/serve/grpc/status.ts';
import type { XdsEvent } from '../../src/serve/xds/events.ts';
import { XdsService } from '../../src/serve/xds/service.ts';
import { FakeClock } from './fake-clock.ts';
import { RawClient, type ShortType } from './raw-client.ts';

/** Names and versions of each type; the bytes are the version unless `bytes` says otherwise. */
export type Plan = Readonly<Partial<Record<ShortType, Readonly<Record<string, string>>>>>;

export function snapshotOf(plan: Plan, bytes: Readonly<Record<string, Uint8Array>> = {}): Snapshot {
  return new Map(
    (Object.keys(plan) as ShortType[]).map((type) => {
      const present = Object.entries(plan[type] ?? {}).map(
        ([name, version]): [string, Resource] => [
          name,
          {
            typeUrl: typeUrls[type],
            name,
            version,
            bytes: (Object.hasOwn(bytes, name) && bytes[name]) || Buffer.from(version),
            from: [{ file: 'services/a.yaml', line: 1, column: 1, length: 1 }],
          },
        ],
      );
      return [typeUrls[type], new Map(present)];
    }),
  );
}

const startOrder = ['cluster', 'endpoints', 'secret', 'listener', 'routes', 'extension'] as const;
/** Asked for without names. */
const wholesale: ReadonlySet<ShortType> = new Set(['cluster', 'listener']);

/** A service behind a real socket, with a clock that the test moves. */
export class Fixture implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly events: XdsEvent[] = [];
  readonly service: XdsService;
  readonly #dir = mkdtempSync(join(tmpdir(), 'chancery-xds-'));
  readonly #errors: unknown[] = [];
  readonly #server;
  readonly #clients: GrpcClient[] = [];

  private constructor() {
    this.service = new XdsService({
      clock: this.clock,
      authorize: (peer, node) =>
        peer.kind === 'unix' && node.id !== 'forbidden'
          ? ok(node.id)
          : err(new GrpcError(grpcStatus.permissionDenied, 'not yours')),
      onEvent: (event) => this.events.push(event),
    });
    this.#server = createGrpcServer({
      methods: this.service.methods,
      onError: (error) => this.#errors.push(error),
    });
  }

  static async open(): Promise<Fixture> {
    const fixture = new Fixture();
    await fixture.#server.listenUnix(join(fixture.#dir, 'xds.sock'), 0o600);
    return fixture;
  }

  publish(plan: Plan, proxy = 'p', onDemand?: Plan): void {
    this.service.publish(proxy, snapshotOf(plan), onDemand && snapshotOf(onDemand));
  }

  /** A stream on a connection of its own. */
  connect(node = 'p', method?: string): RawClient {
    const client = new GrpcClient({ kind: 'unix', path: join(this.#dir, 'xds.sock') });
    this.#clients.push(client);
    return new RawClient(client, node, method);
  }

  /** A stream as Envoy starts it: clusters, their endpoints, secrets, then listeners, then what these name. */
  async started(plan: Plan): Promise<RawClient> {
    this.publish(plan);
    const client = this.connect();
    for (const type of startOrder.filter((one) => plan[one] !== undefined)) {
      client.send(type, wholesale.has(type) ? {} : { sub: Object.keys(plan[type] ?? {}) });
      await client.nextAcked(type);
    }
    await client.silent();
    return client;
  }

  eventsOf<Kind extends XdsEvent['kind']>(kind: Kind): Extract<XdsEvent, { kind: Kind }>[] {
    return this.events.filter((event) => event.kind === kind) as Extract<
      XdsEvent,
      { kind: Kind }
    >[];
  }

  async disconnect(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
    await this.#server.close();
    rmSync(this.#dir, { recursive: true });
    assert.deepEqual(this.#errors, []);
  }
}
