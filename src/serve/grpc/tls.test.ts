import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectSession } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { type Ca, createRoot, createRootKey, issueSvid, spkiOf } from '../../identity/ca.ts';
import { toPem } from '../../identity/pem.ts';
import type { SpiffeId } from '../../identity/spiffe-id.ts';
import type { TrustDomain } from '../../model/types.ts';
import { GrpcClient } from './client.ts';
import { frame } from './frames.ts';
import type { Peer } from './peer.ts';
import { createGrpcServer, type GrpcServer, type TlsMaterial } from './server.ts';

function root(): Ca {
  return createRoot({
    trustDomain: 'shop.test' as TrustDomain,
    privateKey: createRootKey(),
    nowMs: systemClock.nowMs(),
    lifetimeSeconds: 3_600,
    random: systemRandom,
  });
}

function material(ca: Ca, path: string): TlsMaterial {
  const privateKey = createRootKey();
  const { chainPem } = issueSvid({
    ca,
    spiffeId: `spiffe://shop.test/${path}` as SpiffeId,
    publicKeySpki: spkiOf(privateKey),
    ttlSeconds: 600,
    nowMs: systemClock.nowMs(),
    random: systemRandom,
  });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { cert: chainPem, key, ca: toPem('CERTIFICATE', ca.certificateDer) };
}

const uriOf = (der: Uint8Array): string | undefined => new X509Certificate(der).subjectAltName;

const ca = root();
const peers: Peer[] = [];
let server: GrpcServer;
let port = 0;

before(async () => {
  server = createGrpcServer({
    onError: () => {},
    methods: [
      {
        kind: 'unary',
        path: '/t.T/Who',
        handle: (request, call) => {
          peers.push(call.peer);
          return request;
        },
      },
    ],
  });
  port = await server.listenTls('127.0.0.1', 0, material(ca, 'control'));
});

after(() => server.close());

function client(own: TlsMaterial, seen: (string | undefined)[] = []): GrpcClient {
  return new GrpcClient({
    kind: 'tls',
    host: '127.0.0.1',
    port,
    ...own,
    checkServer: (der) => {
      seen.push(uriOf(der));
      return undefined;
    },
  });
}

describe('gRPC over mutual TLS', () => {
  it('shows each side the certificate of the other', async () => {
    const seen: (string | undefined)[] = [];
    const visitor = client(material(ca, 'cart'), seen);
    await visitor.unary('/t.T/Who', new Uint8Array(), 5_000);
    const peer = peers.at(-1);
    assert.ok(peer?.kind === 'tls');
    assert.equal(uriOf(peer.certificateDer), 'URI:spiffe://shop.test/cart');
    assert.deepEqual(seen, ['URI:spiffe://shop.test/control']);
    await visitor.close();
  });

  it('lets nobody in whose certificate another CA signed', async () => {
    const visitor = client({ ...material(root(), 'cart'), ca: material(ca, 'x').ca });
    await assert.rejects(visitor.unary('/t.T/Who', new Uint8Array(), 5_000));
    await visitor.close();
  });

  it('lets nobody in without a certificate', async () => {
    const session = connectSession(`https://127.0.0.1:${port}`, {
      ca: material(ca, 'x').ca,
      checkServerIdentity: () => undefined,
    });
    session.on('error', () => {});
    const before = peers.length;
    const stream = session.request({
      ':method': 'POST',
      ':path': '/t.T/Who',
      'content-type': 'application/grpc',
    });
    let answered = false;
    stream.on('response', () => {
      answered = true;
    });
    stream.on('error', () => {});
    stream.end(frame(new Uint8Array()));
    await once(stream, 'close').catch(() => {});
    session.destroy();
    assert.deepEqual([answered, peers.length], [false, before]);
  });

  it('speaks nothing older than TLS 1.3', async () => {
    const socket = connectTls({
      ...material(ca, 'cart'),
      host: '127.0.0.1',
      port,
      maxVersion: 'TLSv1.2',
      checkServerIdentity: () => undefined,
    });
    const [error] = (await once(socket, 'error')) as [Error];
    assert.match(error.message, /protocol version/i);
  });

  it('takes no ticket of an earlier connection: each shows its certificate anew', async () => {
    const common = {
      ...material(ca, 'cart'),
      host: '127.0.0.1',
      port,
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    };
    const first = connectTls(common);
    first.resume();
    const [session] = (await once(first, 'session')) as [Buffer];
    first.destroy();
    const second = connectTls({ ...common, session });
    await once(second, 'secureConnect');
    const isReused = second.isSessionReused();
    second.destroy();
    assert.equal(isReused, false);
  });

  it('survives a peer that speaks no TLS at all', async () => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.end('GET / HTTP/1.1\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    const visitor = client(material(ca, 'cart'));
    await visitor.unary('/t.T/Who', new Uint8Array(), 5_000);
    await visitor.close();
  });

  it('refuses a server that the client does not take for the right one', async () => {
    const visitor = new GrpcClient({
      kind: 'tls',
      host: '127.0.0.1',
      port,
      ...material(ca, 'cart'),
      checkServer: () => 'not the control plane',
    });
    await assert.rejects(visitor.unary('/t.T/Who', new Uint8Array(), 5_000));
    await visitor.close();
  });

  it('takes new material for new handshakes, and open connections stay', async () => {
    const own = material(ca, 'cart');
    const seen: (string | undefined)[] = [];
    const old = client(own, seen);
    await old.unary('/t.T/Who', new Uint8Array(), 5_000);
    server.setTls(material(ca, 'renewed'));
    await old.unary('/t.T/Who', new Uint8Array(), 5_000);
    const fresh = client(own, seen);
    await fresh.unary('/t.T/Who', new Uint8Array(), 5_000);
    assert.deepEqual(seen, ['URI:spiffe://shop.test/control', 'URI:spiffe://shop.test/renewed']);
    await Promise.all([old.close(), fresh.close()]);
  });
});
