import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom as random } from '../../src/base/random.ts';
import {
  createIntermediate,
  createRoot,
  createRootKey,
  issueSvid,
  spkiOf,
} from '../../src/identity/ca.ts';
import { type Certificate, readCertificate } from '../../src/identity/certificate-read.ts';
import { keyId } from '../../src/identity/certificate-write.ts';
import { contextTag, tag, write } from '../../src/identity/der.ts';
import { oid } from '../../src/identity/oids.ts';
import { fromPem } from '../../src/identity/pem.ts';
import { type SpiffeId, workloadId } from '../../src/identity/spiffe-id.ts';
import type { TrustBundle } from '../../src/identity/trust.ts';
import { verifyX509Svid } from '../../src/identity/x509-svid.ts';
import type { ServiceName, TrustDomain } from '../../src/model/types.ts';
import { extension, type Made, madeMs, make, usage, type Wanted } from '../support/pki.ts';

/** X509-SVID, by the numbers of our list of its rules: what we issue, and what we take. */
const nowMs = madeMs;
const trustDomain = 'shop.test' as TrustDomain;
const spiffeId = workloadId(trustDomain, 'payments' as ServiceName);

function read(der: Uint8Array): Certificate {
  const certificate = readCertificate(der);
  assert.ok(certificate.ok, certificate.ok ? '' : certificate.error);
  return certificate.value;
}

function bundleOf(name: string, ...roots: readonly Uint8Array[]): TrustBundle {
  const x509Roots = roots.map((der) => Buffer.from(der).toString('base64'));
  return { trustDomain: name as TrustDomain, sequence: 1, x509Roots, jwtKeys: [] };
}

function issuedBy(rootSeconds = 86_400) {
  const parts = { trustDomain, nowMs, random };
  const root = createRoot({
    ...parts,
    privateKey: createRootKey(),
    lifetimeSeconds: rootSeconds,
  });
  const ca = createIntermediate({
    ...parts,
    issuer: root,
    privateKey: createRootKey(),
    lifetimeSeconds: rootSeconds,
  });
  const leaf = (ttlSeconds = 600, dnsNames: readonly string[] = []) => {
    const publicKeySpki = spkiOf(createRootKey());
    return issueSvid({ ca, spiffeId, publicKeySpki, ttlSeconds, dnsNames, nowMs, random });
  };
  return { root, ca, leaf };
}

describe('an X509-SVID that the mesh issues', () => {
  const { root, ca, leaf } = issuedBy();
  const svid = leaf();
  const certificate = read(svid.certificateDer);

  it('rule 15 holds exactly one URI, the SPIFFE ID', () => {
    assert.deepEqual(certificate.uriSans, [spiffeId]);
  });

  it('rule 16 may hold DNS names beside it', () => {
    const named = read(leaf(600, ['payments.shop.test']).certificateDer);
    assert.deepEqual([named.uriSans, named.dnsSans], [[spiffeId], ['payments.shop.test']]);
  });

  it('rule 18 has a subject, so that its other names need not be critical', () => {
    assert.ok(certificate.subject.length > 2);
    assert.equal(certificate.sanIsCritical, false);
  });

  it('rule 19 is no CA', () => assert.equal(certificate.isCa, false));

  it('rules 20 and 21 may sign handshakes and nothing else, and says so critically', () => {
    assert.deepEqual(certificate.keyUsage, { bits: usage.digitalSignature, critical: true });
  });

  it('rule 22 serves both ends of TLS', () => {
    assert.deepEqual(certificate.extKeyUsage, [oid.serverAuth, oid.clientAuth]);
  });

  it('rules 23 and 24 is signed by CAs that sign certificates, whose ID is the trust domain', () => {
    for (const der of [root.certificateDer, ca.certificateDer]) {
      const signer = read(der);
      assert.equal(signer.isCa, true);
      assert.deepEqual(signer.keyUsage, {
        bits: usage.keyCertSign | usage.crlSign,
        critical: true,
      });
      assert.deepEqual(signer.uriSans, ['spiffe://shop.test']);
    }
    assert.equal(read(ca.certificateDer).pathLength, 0);
  });

  it('rule 28 comes leaf first, then its CA, without the root', () => {
    const chain = fromPem('CERTIFICATE', svid.chainPem);
    assert.ok(chain.ok);
    const expected = [svid.certificateDer, ca.certificateDer].map((der) => Buffer.from(der));
    assert.deepEqual(chain.value, expected);
  });

  it('rule 29 never outlives its issuer', () => {
    const short = issuedBy(60);
    assert.ok(short.leaf(3_600).notAfterMs <= short.ca.notAfterMs);
    assert.ok(short.ca.notAfterMs <= short.root.notAfterMs);
  });

  it('rule 29 has a serial number of its own, of 127 random bits', () => {
    const serials = Array.from({ length: 50 }, () => leaf().serialHex);
    assert.equal(new Set(serials).size, serials.length);
    assert.ok(serials.every((serial) => /^[4-7][0-9a-f]{31}$/.test(serial)));
    const zeros = { ...random, bytes: (length: number) => new Uint8Array(length) };
    const publicKeySpki = spkiOf(createRootKey());
    const drawn = issueSvid({ ca, spiffeId, publicKeySpki, ttlSeconds: 1, nowMs, random: zeros });
    assert.equal(read(drawn.certificateDer).serialHex, `40${'0'.repeat(30)}`);
  });

  it('rule 29 names its own key and that of its issuer', () => {
    const signer = read(ca.certificateDer);
    assert.deepEqual(certificate.authorityKeyId, signer.subjectKeyId);
    assert.deepEqual(signer.authorityKeyId, read(root.certificateDer).subjectKeyId);
    const own = Buffer.from(certificate.subjectKeyId ?? []);
    assert.deepEqual(own, Buffer.from(keyId(certificate.publicKeySpki)));
  });

  it('is taken with the bundle of its trust domain', () => {
    const chain = [svid.certificateDer, ca.certificateDer];
    const bundles = [bundleOf('shop.test', root.certificateDer)];
    const verified = verifyX509Svid({ chain, bundles, nowMs });
    assert.ok(verified.ok);
    assert.equal(verified.value.spiffeId, spiffeId);
    assert.equal(verified.value.path.length, 3);
  });
});

const root = make({ name: 'root', ca: true, uris: ['spiffe://shop.test'] });
const foreign = make({ name: 'foreign', ca: true, uris: ['spiffe://other.test'] });
const bundles = [bundleOf('shop.test', root.der), bundleOf('other.test', foreign.der)];

function leafWith(more: Partial<Wanted> = {}): Made {
  return make({ name: 'leaf', issuer: root, uris: [spiffeId], ...more });
}

function below(more: Partial<Wanted>): readonly [Made, Made] {
  const ca = make({ name: 'ca', issuer: root, ca: true, ...more });
  return [leafWith({ issuer: ca }), ca];
}

function problem(...chain: readonly Made[]): string {
  const verified = verifyX509Svid({ chain: chain.map(({ der }) => der), bundles, nowMs });
  return verified.ok ? 'taken' : verified.error;
}

describe('an X509-SVID that is shown', () => {
  const taken: readonly (readonly [rule: string, chain: () => readonly Made[]])[] = [
    ['15 one SPIFFE ID', () => [leafWith()]],
    ['16 DNS names beside it', () => [leafWith({ dnsNames: ['a.test', 'b.test'] })]],
    ['18 no subject, other names critical', () => [leafWith({ name: '' })]],
    ['21 keyEncipherment too', () => [leafWith({ keyUsage: 1 | usage.keyEncipherment })]],
    ['22 no extended key usage', () => [leafWith()]],
    ['22 both purposes', () => [leafWith({ purposes: [oid.serverAuth, oid.clientAuth] })]],
    ['23 a CA that says how many may follow', () => below({ pathLength: 0 })],
    ['24 a CA without ID', () => below({})],
    ['24 a CA with the ID of the trust domain', () => below({ uris: ['spiffe://shop.test'] })],
    [
      '27 of the other trust domain, by its root',
      () => [leafWith({ issuer: foreign, uris: ['spiffe://other.test/web'] })],
    ],
    ['28 the root sent along', () => [leafWith(), root]],
  ];
  for (const [rule, chain] of taken) {
    it(`rule ${rule} is taken`, () => assert.equal(problem(...chain()), 'taken'));
  }

  const refused: readonly (readonly [string, () => readonly Made[], RegExp])[] = [
    ['15 no URI', () => [leafWith({ uris: [], dnsNames: ['a.test'] })], /0 URIs/],
    ['15 no alternative name', () => [leafWith({ uris: [] })], /0 URIs/],
    ['15 two SPIFFE IDs', () => [leafWith({ uris: [spiffeId, 'spiffe://shop.test/b'] })], /2 URIs/],
    ['15 the same ID twice', () => [leafWith({ uris: [spiffeId, spiffeId] })], /2 URIs/],
    [
      '15 another URI beside it',
      () => [leafWith({ uris: [spiffeId, 'https://a.test'] })],
      /2 URIs/,
    ],
    [
      '15 a URI that is no SPIFFE ID',
      () => [leafWith({ uris: ['https://a.test/b'] })],
      /no SPIFFE/,
    ],
    ['15 an ID that is broken', () => [leafWith({ uris: ['spiffe://shop.test/a/'] })], /slash/],
    ['17 a trust domain', () => [leafWith({ uris: ['spiffe://shop.test'] })], /not a workload/],
    ['17 a path that is a slash', () => [leafWith({ uris: ['spiffe://shop.test/'] })], /slash/],
    ['18 no subject, names not critical', () => [withoutCriticalNames()], /not critical/],
    [
      '19 a leaf that is a CA',
      () => [leafWith({ ca: true, keyUsage: usage.digitalSignature })],
      /of a CA/,
    ],
    ['20 no key usage', () => [leafWith({ keyUsage: null })], /no critical key usage/],
    ['20 key usage that is not critical', () => [withPlainKeyUsage()], /no critical key usage/],
    [
      '21 no digitalSignature',
      () => [leafWith({ keyUsage: usage.keyEncipherment })],
      /may not sign a handshake/,
    ],
    ['21 keyCertSign', () => [leafWith({ keyUsage: 1 | usage.keyCertSign })], /may sign certif/],
    ['21 cRLSign', () => [leafWith({ keyUsage: 1 | usage.crlSign })], /may sign certificates/],
    ['22 servers only', () => [leafWith({ purposes: [oid.serverAuth] })], /both ends/],
    ['22 clients only', () => [leafWith({ purposes: [oid.clientAuth] })], /both ends/],
    ['23 an issuer that is no CA', () => below({ ca: false, keyUsage: 32 }), /is no CA/],
    ['23 a CA without keyCertSign', () => below({ keyUsage: usage.crlSign }), /keyCertSign/],
    ['24 a CA with the ID of a workload', () => below({ uris: [spiffeId] }), /ID of a workload/],
    ['25 a CA', () => [below({ uris: [spiffeId] })[1]], /certificate of a CA/],
    ['25 the root', () => [root], /certificate of a CA/],
    ['26 its end', () => [leafWith({ notAfterMs: nowMs - 1_000 })], /ended at/],
    ['26 before its time', () => [leafWith({ notBeforeMs: nowMs + 1_000 })], /only from/],
    ['26 a CA that ended', () => below({ notAfterMs: nowMs - 1_000 }), /ended at/],
    [
      '26 another issuer',
      () => [leafWith({ issuer: make({ name: 'x', ca: true }) })],
      /no root here/,
    ],
    [
      '26 another issuer of the same name',
      () => [leafWith({ issuer: make({ name: 'root', ca: true }) })],
      /signature/,
    ],
    [
      '26 a changed certificate',
      () => [{ ...leafWith(), der: changed(leafWith().der) }],
      /signature/,
    ],
    ['27 the CA of another trust domain', () => [leafWith({ issuer: foreign })], /no root here/],
    [
      '27 a trust domain without bundle',
      () => [leafWith({ uris: ['spiffe://far.test/web'] })],
      /no bundle of the trust domain "far.test"/,
    ],
    ['28 the CA first', () => [...below({})].reverse(), /certificate of a CA/],
    ['28 without its CA', () => below({}).slice(0, 1), /was not sent/],
    ['28 nothing', () => [], /without certificates/],
    ['28 a chain without end', () => Array(9).fill(leafWith()), /more than 8/],
  ];
  for (const [rule, chain, expected] of refused) {
    it(`rule ${rule} is refused`, () => assert.match(problem(...chain()), expected));
  }

  it('rule 27 a bundle whose trust domain is another is never asked', () => {
    const forged = leafWith({ issuer: foreign });
    const asked = { chain: [forged.der], nowMs };
    assert.ok(!verifyX509Svid({ ...asked, bundles }).ok);
    assert.ok(!verifyX509Svid({ ...asked, bundles: [...bundles].reverse() }).ok);
    // The same signature under the name of its own trust domain shows that only the bundle made the difference.
    const own = leafWith({ issuer: foreign, uris: ['spiffe://other.test/payments'] });
    assert.ok(verifyX509Svid({ chain: [own.der], nowMs, bundles }).ok);
  });
});

const idName = write(contextTag(6, false), Buffer.from(spiffeId as SpiffeId));

function withoutCriticalNames(): Made {
  const names = extension(oid.subjectAltName, false, write(tag.sequence, idName));
  return leafWith({ name: '', uris: [], more: [names] });
}

function withPlainKeyUsage(): Made {
  const bits = write(tag.bitString, Uint8Array.of(7, 0x80));
  return leafWith({ keyUsage: null, more: [extension(oid.keyUsage, false, bits)] });
}

/** Another letter in its own name; the signature stays. */
function changed(der: Uint8Array): Uint8Array {
  const copy = Buffer.from(der);
  const at = copy.lastIndexOf('payments');
  assert.ok(at > 0);
  copy[at] = 'P'.charCodeAt(0);
  return copy;
}
