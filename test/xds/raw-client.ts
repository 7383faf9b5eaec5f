import assert from 'node:assert/strict';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { typeUrls } from '../../src/compile/resource.ts';
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../src/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { ClientCall, GrpcClient, GrpcOutcome } from '../../src/serve/grpc/client.ts';

const adsMethod = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
export const sdsMethod = '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets';

export type ShortType = keyof typeof typeUrls;

export interface Query {
  readonly sub?: readonly string[];
  readonly unsub?: readonly string[];
  readonly init?: Readonly<Record<string, string>>;
  readonly nonce?: string;
  readonly error?: string;
  /** Undefined: the stream's own on its first request, none later. */
  readonly node?: string | null;
}

/** What a response says, in the words of the tests. */
export interface Answer {
  readonly type: ShortType;
  readonly versions: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
  readonly nonce: string;
}

/** A delta xDS client that does nothing by itself: each request and each acknowledgement is the test's. */
export class RawClient {
  readonly #call: ClientCall;
  readonly #node: string;
  #isFirst = true;
  #sentinels = 0;

  constructor(client: Pick<GrpcClient, 'bidi'>, node: string, method = adsMethod) {
    this.#call = client.bidi(method);
    this.#node = node;
  }

  get outcome(): Promise<GrpcOutcome> {
    return this.#call.outcome;
  }

  send(type: ShortType, query: Query = {}): void {
    this.sendTyped(typeUrls[type], query);
  }

  sendTyped(typeUrl: string, query: Query = {}): void {
    const node = query.node === undefined && this.#isFirst ? this.#node : query.node;
    this.#isFirst = false;
    const request: MessageInitShape<typeof DeltaDiscoveryRequestSchema> = {
      typeUrl,
      resourceNamesSubscribe: [...(query.sub ?? [])],
      resourceNamesUnsubscribe: [...(query.unsub ?? [])],
      initialResourceVersions: { ...query.init },
      responseNonce: query.nonce ?? '',
      ...(node == null ? {} : { node: { id: node } }),
      ...(query.error === undefined ? {} : { errorDetail: { code: 13, message: query.error } }),
    };
    const message = create(DeltaDiscoveryRequestSchema, request);
    this.#call.write(toBinary(DeltaDiscoveryRequestSchema, message));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#call.write(bytes);
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  async response(): Promise<DeltaDiscoveryResponse> {
    const bytes = await this.#call.read();
    if (bytes === undefined) assert.fail(`the stream ended: ${JSON.stringify(await this.outcome)}`);
    return fromBinary(DeltaDiscoveryResponseSchema, bytes);
  }

  /** The next answer, of whatever type. It is not acknowledged yet. */
  async answer(): Promise<Answer> {
    return answerOf(await this.response());
  }

  /** The next answer, which must be of this type. It is not acknowledged yet. */
  async next(type: ShortType): Promise<Answer> {
    const answer = await this.answer();
    assert.equal(answer.type, type, `unexpected answer: ${JSON.stringify(answer)}`);
    return answer;
  }

  async nextAcked(type: ShortType): Promise<Answer> {
    const answer = await this.next(type);
    this.ack(answer);
    return answer;
  }

  ack({ type, nonce }: Answer): void {
    this.send(type, { nonce });
  }

  nack({ type, nonce }: Answer, error: string): void {
    this.send(type, { nonce, error });
  }

  /**
   * Asserts that nothing is on its way, without waiting for time to pass: the server answers in order, so the answer
   * to a question after all others must be the next. The question goes over `type`, which must have none in flight.
   */
  async silent(type: ShortType = 'secret'): Promise<void> {
    this.#sentinels += 1;
    const name = `sentinel-${this.#sentinels}`;
    this.send(type, { sub: [name] });
    const answer = answerOf(await this.response());
    assert.deepEqual(
      { type: answer.type, versions: answer.versions, removed: answer.removed },
      { type, versions: {}, removed: [name] },
    );
    this.send(type, { nonce: answer.nonce, unsub: [name] });
  }
}

function answerOf(response: DeltaDiscoveryResponse): Answer {
  const type = (Object.keys(typeUrls) as ShortType[]).find(
    (short) => typeUrls[short] === response.typeUrl,
  );
  assert.ok(type, `unknown type ${response.typeUrl}`);
  for (const { resource } of response.resources) {
    assert.equal(resource?.typeUrl, response.typeUrl);
  }
  const versions = Object.fromEntries(
    response.resources.map(({ name, version }) => [name, version]),
  );
  assert.equal(Object.keys(versions).length, response.resources.length, 'a name came twice');
  const { removedResources: removed, nonce } = response;
  const both = removed.filter((name) => name in versions);
  assert.deepEqual(both, [], 'rule D7: names both sent and removed');
  return { type, versions, removed, nonce };
}
