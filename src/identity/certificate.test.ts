import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { systemRandom } from '../base/random.ts';
import type { ServiceName, TrustDomain } from '../model/types.ts';
import { type Ca, createRoot, createRootKey, type IssuedSvid, issueSvid, spkiOf } from './ca.ts';
import { readCertificate } from './certificate-read.ts';
import { createCsr, readCsr } from './csr.ts';
import { toPem } from './pem.ts';
import { workloadId } from './spiffe-id.ts';

const trustDomain = 'shop.test' as TrustDomain;
const spiffeId = workloadId(trustDomain, 'payments' as ServiceName);
const nowMs = Date.parse('2026-06-01T12:00:00.500Z');

function root(lifetimeSeconds = 3_600): Ca {
  const privateKey = createRootKey();
  return createRoot({ trustDomain, privateKey, nowMs, lifetimeSeconds, random: systemRandom });
}

function leaf(ca: Ca, ttlSeconds = 600): IssuedSvid {
  const publicKeySpki = spkiOf(createRootKey());
  return issueSvid({ ca, spiffeId, publicKeySpki, ttlSeconds, nowMs, random: systemRandom });
}

function read(der: Uint8Array) {
  const certificate = readCertificate(der);
  assert.ok(certificate.ok, certificate.ok ? '' : certificate.error);
  return certificate.value;
}

/** What the specification asks of them is in test/spiffe, what mutations do to them in test/fuzz. */
describe('a certificate', () => {
  it('roots of one trust domain have subjects of their own', () => {
    assert.notDeepEqual(root().subject, root().subject);
  });

  it('openssl verifies what was signed, strictly', () => {
    const ca = createRoot({
      trustDomain,
      privateKey: createRootKey(),
      nowMs: Date.now(),
      lifetimeSeconds: 3_600,
      random: systemRandom,
    });
    const publicKeySpki = spkiOf(createRootKey());
    const svid = issueSvid({
      ca,
      spiffeId,
      publicKeySpki,
      ttlSeconds: 60,
      nowMs: Date.now(),
      random: systemRandom,
    });
    const dir = mkdtempSync(join(tmpdir(), 'svid-'));
    try {
      writeFileSync(join(dir, 'ca.pem'), toPem('CERTIFICATE', ca.certificateDer));
      writeFileSync(join(dir, 'leaf.pem'), svid.chainPem);
      const args = ['verify', '-x509_strict', '-CAfile', 'ca.pem', 'leaf.pem'];
      assert.match(execFileSync('openssl', args, { cwd: dir, encoding: 'utf8' }), /leaf\.pem: OK/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('another parser and Node read the same', () => {
    const ca = root();
    const { certificateDer } = leaf(ca);
    const own = read(certificateDer);
    const oracle = new x509.X509Certificate(Buffer.from(certificateDer));
    assert.equal(own.serialHex, oracle.serialNumber);
    assert.equal(own.notAfterMs, oracle.notAfter.getTime());
    assert.equal(own.notBeforeMs, oracle.notBefore.getTime());
    const node = new X509Certificate(certificateDer);
    assert.equal(node.subjectAltName, `URI:${spiffeId}`);
    const issuerKey = createPublicKey(ca.privateKey);
    assert.ok(node.verify(issuerKey));
  });
});

describe('a request for a certificate', () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = createCsr({ ...pair, commonName: 'payments' });

  it('gives its key to who checks its signature', () => {
    const outcome = readCsr(csr);
    assert.ok(outcome.ok);
    const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
    assert.deepEqual(Buffer.from(outcome.value.publicKeySpki), spki);
  });

  it('is refused when any byte of it changed', () => {
    for (let at = 0; at < csr.length; at += 1) {
      const changed = Uint8Array.from(csr);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      assert.ok(!readCsr(changed).ok, `byte ${at}`);
    }
  });

  it('is refused on another curve', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    assert.ok(!readCsr(createCsr({ ...other, commonName: 'x' })).ok);
  });
});
