import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { CaController } from '../../src/app/ca-controller.ts';
import { Confirmations } from '../../src/app/confirmations.ts';
import {
  type BundleEndpoint,
  createBundleEndpoint,
  refreshHintSeconds,
} from '../../src/app/federation/bundle-endpoint.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openAuthority } from '../../src/identity/authority.ts';
import { readBundleDocument } from '../../src/identity/bundle-read.ts';
import { readCertificate } from '../../src/identity/certificate-read.ts';
import { controlPlaneId, type SpiffeId } from '../../src/identity/spiffe-id.ts';
import { caUnlessSaid } from '../../src/model/ca-section.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { memoryKek } from '../support/memory-kek.ts';
import { memoryStore } from '../support/memory-store.ts';
import { silentLog, TestTrustDomain } from '../support/trust-domain.ts';
import { FakeClock } from '../xds/fake-clock.ts';

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: Buffer;
  readonly certificate: Buffer;
}

function ask(port: number, method: string, path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // Whom it is is for the tests of the client.
    const options = { port, method, path, agent: false, rejectUnauthorized: false };
    const request = https.request({ ...options, host: '127.0.0.1' }, (response) => {
      const chunks: Buffer[] = [];
      const { raw } = (response.socket as tls.TLSSocket).getPeerCertificate();
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'],
          body: Buffer.concat(chunks),
          certificate: raw,
        }),
      );
    });
    request.once('error', reject);
    request.end(body);
  });
}

describe('federation, the endpoint (SPIFFE Federation section 5.2)', () => {
  let shop: TestTrustDomain;
  let endpoint: BundleEndpoint;
  let port = 0;
  before(async () => {
    shop = await TestTrustDomain.open('shop.test');
    ({ endpoint } = await shop.serve());
    ({ port } = endpoint.reply);
  });
  after(() => shop.close());

  it('70 GET gives the bundle as JSON in UTF-8, at both paths and whatever the query', async () => {
    for (const path of ['/', '/bundle', '/bundle?now']) {
      const { status, type, body } = await ask(port, 'GET', path);
      assert.deepEqual([status, type], [200, 'application/json'], path);
      const read = readBundleDocument(body, shop.name);
      assert.ok(read.ok);
      assert.deepEqual(read.value.bundle, shop.authority.news.bundle);
      assert.equal(read.value.refreshHintSeconds, refreshHintSeconds);
    }
  });

  it('70 a step of the CA is in the next answer', async () => {
    const prepare = shop.authority.prepareStep('root', 'hand');
    assert.ok(prepare.ok && (await shop.authority.step(prepare.value, 'the test')).ok);
    const read = readBundleDocument((await ask(port, 'GET', '/')).body, shop.name);
    assert.equal(read.ok && read.value.bundle.x509Roots.length, 2);
    await shop.authority.step({ kind: 'abandon' }, 'the test');
  });

  it('70 HEAD gives the same without a body; other methods and paths give nothing', async () => {
    assert.equal((await ask(port, 'HEAD', '/')).status, 200);
    assert.equal((await ask(port, 'HEAD', '/')).body.length, 0);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      assert.equal((await ask(port, method, '/bundle', 'x')).status, 405, method);
    }
    for (const path of ['/other', '/bundle/', '//', '/../etc/passwd', '/v1/status']) {
      assert.equal((await ask(port, 'GET', path)).status, 404, path);
    }
  });

  it('71 nobody is asked for a certificate', async () => {
    // In TLS 1.2 what the server asks for stands in the open: a CertificateRequest is handshake message 13.
    const seen = await serverHandshake(port);
    assert.ok(seen.includes(2) && seen.includes(14), `messages ${seen}`);
    assert.ok(!seen.includes(13), 'a certificate was asked for');
  });

  it('74 it presents the SVID of the control plane, and the new one when it is renewed', async () => {
    const first = readCertificate((await ask(port, 'GET', '/')).certificate);
    assert.ok(first.ok);
    assert.deepEqual(first.value.uriSans, [controlPlaneId(shop.name)]);
    assert.equal(endpoint.reply.endpointId, controlPlaneId(shop.name));
    endpoint.setTls(shop.pair());
    const second = readCertificate((await ask(port, 'GET', '/')).certificate);
    assert.ok(second.ok && second.value.serialHex !== first.value.serialHex);
  });

  const offers: readonly (readonly [string, tls.ConnectionOptions, boolean])[] = [
    ['TLS 1.3', { minVersion: 'TLSv1.3' }, true],
    ['TLS 1.2 with ECDHE and GCM', { maxVersion: 'TLSv1.2', ciphers: gcm() }, true],
    ['TLS 1.2 with CBC', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }, false],
    ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }, false],
    ['a group that is not among them', { maxVersion: 'TLSv1.2', ecdhCurve: 'secp521r1' }, false],
  ];
  for (const [name, offer, isTaken] of offers) {
    it(`79 ${name} is ${isTaken ? '' : 'not '}taken`, async () => {
      assert.equal(await handshakes(port, offer), isTaken);
    });
  }

  it('73 and 79 with files it is https_web, and takes up what replaces them', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'bundle-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
    const write = (names: readonly string[]): void => {
      const pair = shop.pair('spiffe://shop.test/web' as SpiffeId, names);
      writeFileSync(files.cert, pair.cert);
      writeFileSync(files.key, pair.key);
    };
    write(['a.test']);
    const clock = new FakeClock();
    const { authority } = shop;
    const svid = shop.pair();
    const web = createBundleEndpoint({ port: 0, files, authority, clock, log: silentLog });
    await web.listen(svid);
    t.after(() => web.close());
    assert.deepEqual([web.reply.profile, web.reply.endpointId], ['https_web', undefined]);
    const names = async (): Promise<readonly string[]> => {
      const read = readCertificate((await ask(web.reply.port, 'GET', '/')).certificate);
      return read.ok ? read.value.dnsSans : [];
    };
    assert.deepEqual(await names(), ['a.test']);
    web.setTls(svid);
    assert.deepEqual(await names(), ['a.test'], 'the SVID is not for this profile');
    writeFileSync(files.key, 'half of a');
    clock.advance(10_000);
    assert.deepEqual(await names(), ['a.test'], 'the last good pair goes on');
    write(['b.test']);
    clock.advance(10_000);
    assert.deepEqual(await names(), ['b.test']);
  });

  it('CH3208 files that do not belong together, and a port that is taken, are said', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'bundle-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
    writeFileSync(files.cert, shop.pair().cert);
    writeFileSync(files.key, shop.pair().key);
    const { authority } = shop;
    const parts = { authority, clock: new FakeClock(), log: silentLog };
    const open = (more: { port: number; files: typeof files | undefined }) =>
      createBundleEndpoint({ ...parts, ...more }).listen(shop.pair());
    await assert.rejects(open({ port: 0, files }), /CH3208.*certificate/);
    await assert.rejects(open({ port, files: undefined }), /CH3208.*EADDRINUSE/);
  });
});

describe('78 a new key is published before it is used', () => {
  it('the CA waits for three refresh hints between prepare and activate', async () => {
    const clock = new FakeClock();
    const trustDomain = 'shop.test' as TrustDomain;
    const authority = await openAuthority({
      ...{ store: memoryStore(), kek: memoryKek(), trustDomain, clock },
      random: systemRandom,
    });
    const ca = new CaController({
      ...{ authority, confirmations: new Confirmations(), clock, log: silentLog },
      hosts: () => [],
      partnersNoticeMs: () => 3 * refreshHintSeconds * 1_000,
      lifetimes: () => caUnlessSaid,
      upstream: undefined,
      dir: 'DIR',
    });
    const by = 'the test';
    const prepared = await ca.step({ step: 'prepare', by });
    assert.ok(prepared.ok);
    assert.equal(authority.news.bundle.x509Roots.length, 2, 'published');
    const early = await ca.step({ step: 'activate', by });
    assert.match(
      early.ok ? '' : early.error.message,
      /partners have until .* to read the new bundle/,
    );
    clock.advance(3 * refreshHintSeconds * 1_000 - 1);
    assert.equal((await ca.step({ step: 'activate', by })).ok, false);
    clock.advance(1);
    assert.deepEqual(ca.reply.waitingFor, []);
    assert.ok((await ca.step({ step: 'activate', by })).ok);
  });
});

function gcm(): string {
  return 'ECDHE-ECDSA-AES128-GCM-SHA256';
}

function handshakes(port: number, offer: tls.ConnectionOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false, ...offer };
    const socket = tls.connect(options, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** The types of the handshake messages that a TLS 1.2 server sends in the open, seen from between the two. */
async function serverHandshake(port: number): Promise<number[]> {
  const received: Buffer[] = [];
  const between = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1');
    server.on('data', (chunk: Buffer) => received.push(chunk));
    for (const socket of [client, server]) socket.on('error', () => {});
    client.pipe(server).pipe(client);
  });
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
  const { port: through } = between.address() as net.AddressInfo;
  assert.ok(await handshakes(through, { maxVersion: 'TLSv1.2' }));
  between.close();
  return messageTypes(Buffer.concat(received));
}

/** Records of type 22 hold handshake messages: a type, three bytes of length, and so many bytes. */
function messageTypes(bytes: Buffer): number[] {
  const handshake: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    // What follows a change of cipher is hidden.
    if (bytes[at] !== 22) break;
    handshake.push(bytes.subarray(at + 5, at + 5 + bytes.readUInt16BE(at + 3)));
  }
  const all = Buffer.concat(handshake);
  const types: number[] = [];
  for (let at = 0; at + 4 <= all.length; at += 4 + all.readUIntBE(at + 1, 3)) {
    types.push(all[at] ?? 0);
  }
  return types;
}
