import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { pick, type RandomNumber, seeded } from '../../base/seeded.fixture.ts';
import {
  type CheckRequest,
  CheckRequestSchema,
} from '../../gen/envoy/service/auth/v3/external_auth_pb.js';
import { type CheckFacts, readCheckRequest } from './check-request.ts';

const texts = [
  '',
  'a',
  'x-request-id',
  ':path',
  'spiffe://acme/cart',
  '/v1/charges?x=ü',
  'chancery.side',
  '€',
];

/** Fields that are read, and fields around them that are not. */
function randomRequest(random: RandomNumber): Uint8Array {
  const text = () => pick(random, texts);
  const some = <T>(value: T): T | undefined => (random() < 0.7 ? value : undefined);
  const entries = () =>
    Object.fromEntries(texts.filter(() => random() < 0.3).map((key) => [key, text()]));
  const http = {
    id: text(),
    method: text(),
    headers: entries(),
    path: text(),
    host: text(),
    scheme: text(),
    query: text(),
    size: BigInt(Math.floor(random() * 1e12)),
    protocol: text(),
    body: text(),
    rawBody: Buffer.from(text()),
    headerMap: {
      headers: texts
        .filter(() => random() < 0.5)
        .map((key) =>
          random() < 0.5 ? { key, value: text() } : { key, rawValue: Buffer.from(text()) },
        ),
    },
  };
  const address = {
    address:
      random() < 0.8
        ? {
            case: 'socketAddress' as const,
            value: {
              address: pick(random, ['127.0.0.1', '::1', '']),
              portSpecifier: { case: 'portValue' as const, value: 15_001 },
            },
          }
        : { case: 'pipe' as const, value: { path: '/run/a.sock' } },
  };
  const attributes = {
    source: some({
      address,
      service: text(),
      labels: entries(),
      principal: text(),
      certificate: text(),
    }),
    destination: some({
      ...{ address, service: text(), principal: text() },
      labels: { ...entries(), ...(random() < 0.5 ? { proxy: text() } : {}) },
    }),
    request: some({ time: some({ seconds: 1_700_000_000n, nanos: 5 }), http: some(http) }),
    contextExtensions: entries(),
    metadataContext: some({ filterMetadata: { rbac: { id: 'ask/default' } } }),
    tlsSession: some({ sni: text() }),
  };
  const message = create(CheckRequestSchema, { attributes: some(attributes) });
  return toBinary(CheckRequestSchema, message);
}

function generatedFacts({ attributes }: CheckRequest): CheckFacts {
  const http = attributes?.request?.http;
  const address = attributes?.source?.address?.address;
  const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
  const headers = [
    ...Object.entries(http?.headers ?? {}),
    ...(http?.headerMap?.headers ?? []).map(({ key, value, rawValue }): [string, string] => [
      key,
      rawValue.length > 0 ? latin1(rawValue) : value,
    ]),
  ];
  return {
    principal: attributes?.source?.principal ?? '',
    address: address?.case === 'socketAddress' ? address.value.address : '',
    http:
      http === undefined
        ? undefined
        : {
            method: http.method,
            path: headers.find(([name]) => name === ':path')?.[1] ?? http.path,
            host: http.host,
            scheme: http.scheme,
            headers,
          },
    proxy: attributes?.destination?.labels['proxy'] ?? '',
    extensions: new Map(Object.entries(attributes?.contextExtensions ?? {})),
  };
}

test('5,000 random requests read by hand are what the generated decoder reads', () => {
  let withHttp = 0;
  for (let seed = 1; seed <= 5_000; seed += 1) {
    const bytes = randomRequest(seeded(seed));
    const facts = readCheckRequest(bytes);
    assert.deepEqual(facts, generatedFacts(fromBinary(CheckRequestSchema, bytes)), `seed ${seed}`);
    if (facts.http !== undefined) withHttp += 1;
  }
  assert.ok(withHttp > 1_000);
});

test('a message cut anywhere is refused', () => {
  const bytes = randomRequest(seeded(1));
  assert.ok(bytes.length > 100);
  for (let length = 1; length < bytes.length; length += 1) {
    assert.throws(() => readCheckRequest(bytes.subarray(0, length)));
  }
});

test('fields that no message of this kind has are skipped, whatever their type', () => {
  const bytes = randomRequest(seeded(3));
  // The numbers 2 to 6: varint, 64 bits, text, group, 32 bits.
  const unknown = [0x10, 0x96, 1, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x22, 1, 65, 0x2b, 0x2c, 0x35];
  const more = Buffer.from([...unknown, 1, 2, 3, 4]);
  for (const parts of [
    [more, bytes],
    [bytes, more],
  ]) {
    assert.deepEqual(readCheckRequest(Buffer.concat(parts)), readCheckRequest(bytes));
  }
});

test('a field that comes twice counts as the generated decoder counts it', () => {
  const [one, two] = ['spiffe://acme/a', 'spiffe://acme/b'].map((principal) =>
    toBinary(
      CheckRequestSchema,
      create(CheckRequestSchema, { attributes: { source: { principal }, request: { http: {} } } }),
    ),
  );
  const bytes = Buffer.concat([one ?? [], two ?? []].map((part) => Buffer.from(part)));
  assert.deepEqual(readCheckRequest(bytes), generatedFacts(fromBinary(CheckRequestSchema, bytes)));
  assert.equal(readCheckRequest(bytes).principal, 'spiffe://acme/b');
});
