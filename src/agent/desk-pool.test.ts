import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../../test/support/free-port.ts';
import { eventually } from '../../test/support/running-mesh.ts';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { err, ok } from '../base/result.ts';
import { type Ca, createRoot, createRootKey, issueSvid, spkiOf } from '../identity/ca.ts';
import { toPem } from '../identity/pem.ts';
import type { SpiffeId } from '../identity/spiffe-id.ts';
import type { TrustBundle } from '../identity/trust.ts';
import type { TrustDomain } from '../model/types.ts';
import type { CheckHandler } from '../serve/authz/check-handler.ts';
import { GrpcClient } from '../serve/grpc/client.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import { connectionMs, DeskPool } from './desk-pool.ts';
import type { HostIdentity } from './link-state.ts';

const ttlSeconds = 600;
const connectionsPerService = 5;
const check = '/envoy.service.auth.v3.Authorization/Check';
const silent: Log = { info: () => {}, warn: () => {}, error: () => {} };

function root(trustDomain = 'shop.test'): Ca {
  return createRoot({
    ...{ trustDomain: trustDomain as TrustDomain, privateKey: createRootKey() },
    ...{ nowMs: systemClock.nowMs(), lifetimeSeconds: 3_600, random: systemRandom },
  });
}

function bundleOf(ca: Ca, sequence = 1): TrustBundle {
  const x509Roots = [Buffer.from(ca.certificateDer).toString('base64')];
  return { trustDomain: 'shop.test' as TrustDomain, sequence, x509Roots, jwtKeys: [] };
}

function identityOf(ca: Ca, spiffeId: string): HostIdentity {
  const privateKey = createRootKey();
  const { chainPem, serialHex, issuerKeyId, notBeforeMs, notAfterMs } = issueSvid({
    ...{ ca, spiffeId: spiffeId as SpiffeId, publicKeySpki: spkiOf(privateKey), ttlSeconds },
    ...{ nowMs: systemClock.nowMs(), random: systemRandom },
  });
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const svid = { spiffeId, chainPem, serial: serialHex, issuerKeyId, notBeforeMs, notAfterMs };
  return { ...svid, privateKeyPem, host: 'authz-1', provenBy: 'join_token' };
}

const host = 'spiffe://shop.test/chancery/host/authz-1';
const ca = root();

/** A desk that answers with the service that it was asked for. */
class World {
  readonly clock = new FakeClock();
  readonly #pool: DeskPool;
  readonly port: number;

  private constructor(port: number, handler: CheckHandler) {
    this.port = port;
    this.clock.advance(systemClock.nowMs() - this.clock.nowMs());
    const at = { address: '127.0.0.1', port };
    const onStall = (): void => {};
    const options = { at, check: handler, onStall, clock: this.clock, log: silent };
    this.#pool = new DeskPool({ ...options, connectionsPerService });
  }

  static async open(handler: CheckHandler): Promise<World> {
    return new World(await freePort(), handler);
  }

  heard(): void {
    this.#pool.heard();
  }

  show(identity: HostIdentity, bundle = bundleOf(ca)): void {
    this.heard();
    this.begin(identity, bundle);
  }

  begin(identity: HostIdentity, bundle = bundleOf(ca)): void {
    this.#pool.show(identity);
    this.#pool.trust(bundle);
  }

  client(own: HostIdentity, roots = ca): GrpcClient {
    const tls = {
      cert: own.chainPem,
      key: own.privateKeyPem,
      ca: toPem('CERTIFICATE', roots.certificateDer),
    };
    const checkServer = (): undefined => undefined;
    return new GrpcClient({ kind: 'tls', host: '127.0.0.1', port: this.port, ...tls, checkServer });
  }

  async ask(client: GrpcClient): Promise<string> {
    return Buffer.from(await client.unary(check, new Uint8Array(), 5_000)).toString();
  }

  async answer(own: HostIdentity, roots = ca): Promise<string> {
    const client = this.client(own, roots);
    try {
      return await this.ask(client);
    } finally {
      await client.close();
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

const refused = (code: number) => (thrown: unknown) =>
  thrown instanceof GrpcError && thrown.code === code;

describe('a policy desk of a pool', () => {
  let world: World;
  const cart = identityOf(ca, 'spiffe://shop.test/cart');
  before(async () => {
    world = await World.open((_request, service) => ok(Buffer.from(service)));
    world.show(identityOf(ca, host));
    await eventually(
      () =>
        world.answer(cart).then(
          () => true,
          () => false,
        ),
      5_000,
      () => 'it does not serve',
    );
  });
  after(() => world.close());

  it('decides for the service whose SVID asks', async () => {
    assert.equal(await world.answer(cart), 'cart');
    assert.equal(await world.answer(identityOf(ca, 'spiffe://shop.test/web')), 'web');
  });

  it('answers nobody who is no workload of this mesh', async () => {
    for (const id of [
      host,
      'spiffe://shop.test/chancery/control-plane',
      'spiffe://other.test/cart',
      'spiffe://shop.test/a/cart',
    ]) {
      await assert.rejects(world.answer(identityOf(ca, id)), refused(grpcStatus.permissionDenied));
    }
  });

  it('speaks to nobody whose certificate another CA signed', async () => {
    await assert.rejects(world.answer(identityOf(root(), 'spiffe://shop.test/cart'), ca));
  });

  it('shows new connections what it got last, and believes whom it is to believe now', async () => {
    const next = root();
    const old = world.client(cart);
    await world.ask(old);
    world.show(identityOf(next, host), bundleOf(next, 2));
    const fresh = identityOf(next, 'spiffe://shop.test/cart');
    assert.equal(await world.answer(fresh, next), 'cart');
    await assert.rejects(world.answer(cart));
    assert.equal(await world.ask(old), 'cart');
    await old.close();
    world.show(identityOf(ca, host), bundleOf(ca, 3));
  });

  it('lets no service have all connections, and has room again when one ends', async () => {
    const greedy = identityOf(ca, 'spiffe://shop.test/greedy');
    const clients = Array.from({ length: connectionsPerService }, () => world.client(greedy));
    for (const client of clients) assert.equal(await world.ask(client), 'greedy');
    await assert.rejects(world.answer(greedy));
    assert.equal(await world.answer(cart), 'cart');
    await clients.pop()?.close();
    await eventually(
      async () => (await world.answer(greedy).catch(() => '')) === 'greedy',
      5_000,
      () => 'there is no room again',
    );
    for (const client of clients) await client.close();
  });

  it('an SVID that ended asks nothing more on a connection that it opened before', async () => {
    const client = world.client(cart);
    await world.ask(client);
    const late = cart.notAfterMs - world.clock.nowMs();
    // What it shows itself lives longer by then.
    world.show({ ...identityOf(ca, host), notAfterMs: cart.notAfterMs + 60_000 });
    world.clock.advance(late);
    await assert.rejects(world.ask(client), refused(grpcStatus.permissionDenied));
    world.clock.advance(60_000);
    await assert.rejects(world.ask(client), refused(grpcStatus.unavailable));
    await client.close();
  });
});

describe('a policy desk of a pool that starts', () => {
  it('answers nothing by what it kept before the control plane has told it what holds', async () => {
    const world = await World.open((_request, service) => ok(Buffer.from(service)));
    world.begin(identityOf(ca, host));
    const cart = identityOf(ca, 'spiffe://shop.test/cart');
    const asked = () => world.answer(cart).catch((error: unknown) => error);
    let last: unknown;
    const says = (text: RegExp) => async () => {
      last = await asked();
      return text.test(String(last));
    };
    await eventually(says(/may have missed a policy/), 5_000, () => String(last));
    assert.ok(refused(grpcStatus.unavailable)(last));
    world.heard();
    await eventually(says(/^cart$/), 5_000, () => String(last));
    await world.close();
  });

  it('is UNAVAILABLE until it has a policy', async () => {
    const world = await World.open(() => err({ code: 'CH2191', message: 'no policy yet' }));
    world.show(identityOf(ca, host));
    const cart = identityOf(ca, 'spiffe://shop.test/cart');
    let last: unknown;
    await eventually(
      async () => {
        last = await world.answer(cart).catch((error: unknown) => error);
        return refused(grpcStatus.unavailable)(last) && /no policy/.test(String(last));
      },
      5_000,
      () => String(last),
    );
    await world.close();
  });

  it('comes to a port that was taken as soon as it is free', async () => {
    const { createServer } = await import('node:net');
    const world = await World.open((_request, service) => ok(Buffer.from(service)));
    const other = createServer().listen(world.port, '127.0.0.1');
    await once(other, 'listening');
    world.show(identityOf(ca, host));
    await new Promise((wake) => setTimeout(wake, 50));
    other.close();
    await once(other, 'close');
    world.clock.advance(1_000);
    const cart = identityOf(ca, 'spiffe://shop.test/cart');
    await eventually(
      async () => (await world.answer(cart).catch(() => '')) === 'cart',
      5_000,
      () => 'it does not serve',
    );
    await world.close();
  });
});

describe('how long a connection is used', () => {
  const life = { notBeforeMs: 1_000, notAfterMs: 5_000 };

  it('until its proxy must have had the next certificate, and then to its end', () => {
    assert.equal(connectionMs(life, 1_000), 3_000);
    assert.equal(connectionMs(life, 3_999), 1);
    assert.equal(connectionMs(life, 4_000), 1_000);
    assert.equal(connectionMs(life, 6_000), 0);
  });
});
