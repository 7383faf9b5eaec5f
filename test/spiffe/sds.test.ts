import assert from 'node:assert/strict';
import { type ClientHttp2Stream, connect } from 'node:http2';
import { createConnection } from 'node:net';
import { describe, it } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { SecretSchema } from '../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { SPIFFECertValidatorConfigSchema } from '../../src/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from '../../src/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { GrpcClient } from '../../src/serve/grpc/client.ts';
import { frame } from '../../src/serve/grpc/frames.ts';
import { GrpcError, grpcStatus } from '../../src/serve/grpc/status.ts';
import { eventually } from '../support/running-mesh.ts';
import { Call, entry, foreignBundle, me, WorkloadHost } from '../support/workload-host.ts';
import { RawClient, sdsMethod } from '../xds/raw-client.ts';

const service = '/envoy.service.secret.v3.SecretDiscoveryService';
const own = 'spiffe://shop.test';
const far = 'spiffe://far.test';
const web = `${own}/web`;
const api = `${own}/api`;
const everything = ['ALL', 'ROOTCA', 'default', far, own, api, web];

async function twoIdentities(): Promise<WorkloadHost> {
  const host = await WorkloadHost.started(entry('web', me, me), entry('api', me));
  host.federated = [foreignBundle('far.test', host.authority)];
  host.trust();
  return host;
}

function request(init: MessageInitShape<typeof DiscoveryRequestSchema>): Uint8Array {
  return toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, init));
}

/** Each secret of an answer in a word: whose certificate it is, or which trust domains it validates. */
function secretsIn(response: DiscoveryResponse): Record<string, string> {
  return Object.fromEntries(
    response.resources.map(({ typeUrl, value }) => {
      assert.equal(typeUrl, response.typeUrl);
      const { name, type } = fromBinary(SecretSchema, value);
      if (type.case === 'tlsCertificate') {
        const { certificateChain, privateKey } = type.value;
        assert.match(String(privateKey?.specifier.value), /^-----BEGIN PRIVATE KEY-----/);
        return [name, String(certificateChain?.specifier.value).slice(0, 27)];
      }
      assert.equal(type.case, 'validationContext');
      const config = type.value?.customValidatorConfig;
      assert.equal(config?.name, 'envoy.tls.cert_validator.spiffe');
      const { trustDomains } = fromBinary(
        SPIFFECertValidatorConfigSchema,
        config.typedConfig?.value ?? new Uint8Array(),
      );
      return [name, trustDomains.map((one) => one.name).join()];
    }),
  );
}

const certificate = '-----BEGIN CERTIFICATE-----';
/** What two identities and one partner make. */
const all = {
  ...{ default: certificate, [web]: certificate, [api]: certificate },
  ...{ ROOTCA: 'shop.test', ALL: 'shop.test,far.test', [own]: 'shop.test', [far]: 'far.test' },
};

function fetchSecrets(client: GrpcClient, names: readonly string[]): Promise<DiscoveryResponse> {
  return client
    .unary(`${service}/FetchSecrets`, request({ resourceNames: [...names] }), 5_000)
    .then((bytes) => fromBinary(DiscoveryResponseSchema, bytes));
}

/** A state-of-the-world stream; each request is the test's. */
class Stream {
  readonly call: Call;

  constructor(client: GrpcClient) {
    this.call = new Call(client, `${service}/StreamSecrets`, undefined);
  }

  ask(names: readonly string[], nonce = '', error?: string): void {
    this.call.write(
      request({
        resourceNames: [...names],
        responseNonce: nonce,
        ...(error === undefined ? {} : { errorDetail: { code: 13, message: error } }),
      }),
    );
  }

  next(): Promise<DiscoveryResponse> {
    return this.call.next(DiscoveryResponseSchema);
  }
}

describe('SDS on the host-wide socket', { timeout: 30_000 }, () => {
  it('a fetch without names gives every secret of the caller, each under its name', async () => {
    await using host = await twoIdentities();
    assert.deepEqual(secretsIn(await fetchSecrets(host.connect(), [])), all);
  });

  for (const name of everything) {
    it(`"${name}" is the same by fetch, stream and delta`, async () => {
      await using host = await twoIdentities();
      const wanted = { [name]: (all as Record<string, string>)[name] };
      const fetched = await fetchSecrets(host.connect(), [name]);
      assert.deepEqual(secretsIn(fetched), wanted);
      const stream = new Stream(host.connect());
      stream.ask([name]);
      assert.deepEqual((await stream.next()).resources, fetched.resources);
      const delta = new RawClient(host.connect(), 'n', sdsMethod);
      delta.send('secret', { sub: [name] });
      const [resource] = (await delta.response()).resources;
      assert.deepEqual(resource?.resource, fetched.resources[0]);
    });
  }

  it('default is the first identity', async () => {
    await using host = await twoIdentities();
    const { resources } = await fetchSecrets(host.connect(), ['default', web]);
    const [one, other] = resources.map(({ value }) => fromBinary(SecretSchema, value).type);
    assert.deepEqual(one, other);
  });

  it('a fetch of an unknown name says which there are; a stream waits for it', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    await assert.rejects(fetchSecrets(host.connect(), ['default', api]), (error) => {
      assert.ok(error instanceof GrpcError);
      assert.equal(error.code, grpcStatus.notFound);
      assert.match(error.message, /no secret "spiffe:\/\/shop.test\/api"; there are default/);
      return true;
    });
    const stream = new Stream(host.connect());
    stream.ask(['default', api]);
    const first = await stream.next();
    assert.deepEqual(Object.keys(secretsIn(first)), ['default']);
    stream.ask(['default', api], first.nonce);
    host.identities.setEntries([entry('web', me, me), entry('api', me)]);
    assert.deepEqual(Object.keys(secretsIn(await stream.next())), ['default', api]);
  });

  it('a delta stream hears at once that a name is unknown, and gets it when it is there', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const delta = new RawClient(host.connect(), 'n', sdsMethod);
    delta.send('secret', { sub: [api] });
    const answer = await delta.nextAcked('secret');
    assert.deepEqual(answer.removed, [api]);
    host.identities.setEntries([entry('web', me, me), entry('api', me)]);
    assert.deepEqual(Object.keys((await delta.nextAcked('secret')).versions), [api]);
  });

  it('other names are answered also when nothing changed; an old nonce says nothing', async () => {
    await using host = await twoIdentities();
    const stream = new Stream(host.connect());
    stream.ask(['default']);
    const first = await stream.next();
    stream.ask(['ROOTCA'], 'of another time');
    stream.ask(['default'], first.nonce);
    stream.ask(['ALL'], first.nonce);
    const second = await stream.next();
    assert.deepEqual(Object.keys(secretsIn(second)), ['ALL']);
    assert.notEqual(second.nonce, first.nonce);
    stream.ask(['own'], first.nonce);
    stream.ask([], second.nonce);
    assert.equal((await stream.next()).resources.length, everything.length);
  });

  it('names in another order or twice are the same question', async () => {
    await using host = await twoIdentities();
    const stream = new Stream(host.connect());
    stream.ask(['default', 'ROOTCA']);
    const { nonce } = await stream.next();
    stream.ask(['ROOTCA', 'default', 'default'], nonce);
    stream.ask(['ALL'], nonce);
    assert.deepEqual(Object.keys(secretsIn(await stream.next())), ['ALL']);
  });

  it('what a client refused is told to the log, without the secret, and comes again when it changed', async () => {
    await using host = await twoIdentities();
    const stream = new Stream(host.connect());
    stream.ask(['ROOTCA']);
    const first = await stream.next();
    const key = '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----';
    stream.ask(['ROOTCA'], first.nonce, `bad: ${key}`);
    await eventually(
      () => host.said.length > 0,
      2_000,
      () => 'nothing was said',
    );
    assert.deepEqual(host.said.splice(0), [
      {
        message: 'a client refused a secret',
        fields: { names: ['ROOTCA'], problem: 'bad: [redacted]' },
      },
    ]);
    await host.step('prepare');
    const second = await stream.next();
    assert.notEqual(second.versionInfo, first.versionInfo);
  });

  it('the node comes in the first message only; a delta stream without one is told so', async () => {
    await using host = await twoIdentities();
    const delta = new RawClient(host.connect(), 'n', sdsMethod);
    delta.send('secret', { sub: ['default'] });
    await delta.nextAcked('secret');
    delta.send('secret', { sub: ['ROOTCA'], node: null });
    assert.deepEqual(Object.keys((await delta.nextAcked('secret')).versions), ['ROOTCA']);
    const nameless = new RawClient(host.connect(), '', sdsMethod);
    nameless.send('secret', { sub: ['default'], node: null });
    assert.match((await nameless.outcome).message, /the first request needs node.id/);
  });

  it('another type than secrets is refused', async () => {
    await using host = await twoIdentities();
    const typeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
    const call = new Call(host.connect(), `${service}/FetchSecrets`, request({ typeUrl }));
    assert.equal((await call.refused()).code, grpcStatus.invalidArgument);
  });

  it('a stream for each secret of one connection: all are served, also when all begin at once', async () => {
    await using host = await WorkloadHost.open();
    const client = host.connect();
    const deltas = everything.map((name) => {
      const delta = new RawClient(client, 'n', sdsMethod);
      delta.send('secret', { sub: [name] });
      return { name, delta };
    });
    const streams = everything.map((name) => {
      const stream = new Stream(client);
      stream.ask([name]);
      return { name, stream };
    });
    await eventually(
      () => host.identities.watchers >= streams.length + 1,
      5_000,
      () => `${host.identities.watchers} watchers`,
    );
    host.federated = [foreignBundle('far.test', host.authority)];
    host.trust();
    host.identities.setEntries([entry('web', me, me), entry('api', me)]);
    for (const { name, delta } of deltas) {
      assert.deepEqual(Object.keys((await delta.nextAcked('secret')).versions), [name]);
    }
    for (const { name, stream } of streams) {
      assert.deepEqual(Object.keys(secretsIn(await stream.next())), [name]);
    }
    await client.close();
    await eventually(
      () => host.identities.watchers === 0,
      5_000,
      () => `${host.identities.watchers} watchers are left`,
    );
  });

  it('a caller that loses its identity loses its streams, with what it lacks', async () => {
    await using host = await twoIdentities();
    const stream = new Stream(host.connect());
    stream.ask([]);
    await stream.next();
    const delta = new RawClient(host.connect(), 'n', sdsMethod);
    delta.send('secret', { sub: ['default'] });
    await delta.nextAcked('secret');
    host.identities.setEntries([entry('web', { kind: 'unix:uid', value: '4242' })]);
    for (const outcome of [await stream.call.refused(), await delta.outcome]) {
      assert.equal(outcome.code, grpcStatus.permissionDenied);
      assert.match(outcome.message, /closest is web, which wants unix:uid 4242/);
    }
    const again = new Call(host.connect(), `${service}/FetchSecrets`, request({}));
    assert.equal((await again.refused()).code, grpcStatus.permissionDenied);
  });

  it('a caller of which the agent knows nothing in time is Unavailable, not denied', async () => {
    await using host = await WorkloadHost.open();
    const delta = new RawClient(host.connect(), 'n', sdsMethod);
    delta.send('secret', { sub: ['default'] });
    const stream = new Stream(host.connect());
    stream.ask([]);
    await eventually(
      () => host.identities.watchers === 2,
      5_000,
      () => `${host.identities.watchers} watchers`,
    );
    host.clock.advance(10_000);
    for (const outcome of [await stream.call.refused(), await delta.outcome]) {
      assert.equal(outcome.code, grpcStatus.unavailable, outcome.message);
    }
  });

  it('clients that refuse a bundle keep it from nobody but themselves', async () => {
    await using host = await twoIdentities();
    for (let client = 0; client < 4; client += 1) {
      const hostile = new RawClient(host.connect(), `n${client}`, sdsMethod);
      hostile.send('secret', { sub: ['ROOTCA'] });
      hostile.nack(await hostile.next('secret'), 'no');
    }
    await eventually(
      () => host.said.length === 4,
      5_000,
      () => `${host.said.length} refusals`,
    );
    const honest = new RawClient(host.connect(), 'n', sdsMethod);
    honest.send('secret', { sub: ['ROOTCA'] });
    assert.deepEqual(Object.keys((await honest.next('secret')).versions), ['ROOTCA']);
  });

  it('a reader that stands still is sent no more, and then the newest', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const still = stillStream(host.path);
    await eventually(
      () => host.identities.watchers === 1,
      5_000,
      () => 'the stream did not begin',
    );
    const rounds = 400;
    for (let round = 1; round <= rounds; round += 1) {
      host.federated = Array.from({ length: 40 }, (_, index) => ({
        ...foreignBundle(`far-${index}.test`, host.authority),
        sequence: round,
        x509Roots: [Buffer.from(`root ${round}`.padEnd(600)).toString('base64')],
      }));
      host.trust();
      await new Promise(setImmediate);
    }
    const states = await still.readAll(`root ${rounds} `);
    assert.ok(states < 10, `${states} of ${rounds} states were queued`);
  });
});

const digits = 12;
const certificateStart = /BEGIN CERTIFICATE-----\n(.{12})/g;
const certificateStartMax = 40;

/** A stream for ALL whose client reads nothing before `readAll`. */
function stillStream(path: string) {
  const session = connect('http://localhost', {
    createConnection: () => createConnection(path),
  });
  const stream: ClientHttp2Stream = session.request({
    ':method': 'POST',
    ':path': `${service}/StreamSecrets`,
    'content-type': 'application/grpc',
  });
  stream.write(frame(request({ resourceNames: ['ALL'] })));
  return {
    /** Until a state shows this certificate; how many states came before it. */
    readAll: async (last: string) => {
      const states = new Set<string>();
      let text = '';
      const wanted = Buffer.from(last).toString('base64').slice(0, digits);
      for await (const chunk of stream) {
        text += (chunk as Buffer).toString('latin1');
        for (const [, start = ''] of text.matchAll(certificateStart)) states.add(start);
        if (states.has(wanted)) break;
        text = text.slice(-certificateStartMax);
      }
      session.destroy();
      return states.size;
    },
  };
}
