import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { systemRandom } from '../../src/base/random.ts';
import { bundleDocument, jwtBundleDocument } from '../../src/identity/bundle-document.ts';
import {
  type BundleDocument,
  bundleBytesMax,
  bundleKeysMax,
  orderOf,
  readBundleDocument,
} from '../../src/identity/bundle-read.ts';
import { issueSvid } from '../../src/identity/ca.ts';
import { createGeneration } from '../../src/identity/ca-generation.ts';
import { publicJwk } from '../../src/identity/jwk.ts';
import { type CaState, trustBundle } from '../../src/identity/rotation.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { TrustBundle } from '../../src/identity/trust.ts';
import type { ServiceName, TrustDomain } from '../../src/model/types.ts';
import { make, newKey } from '../support/pki.ts';

const trustDomain = 'partner.test' as TrustDomain;
const nowMs = Date.UTC(2026, 10, 24);

type Members = Record<string, unknown>;

function bundleOf(name: TrustDomain, sequence: number): TrustBundle {
  const active = createGeneration({ trustDomain: name, nowMs, random: systemRandom });
  const state: CaState = {
    ...{ trustDomain: name, sequence, active },
    rotation: { kind: 'none' },
    driven: 'hand',
    request: undefined,
    rootLinks: [],
  };
  return trustBundle(state);
}

const own = bundleOf(trustDomain, 7);
const document = JSON.parse(bundleDocument(own, { refreshHintSeconds: 60 })) as Members;
const [x509Entry, jwtEntry] = document['keys'] as readonly [Members, Members];

function read(value: unknown, name = trustDomain): BundleDocument {
  const result = readBundleDocument(bytes(value), name);
  assert.ok(result.ok, result.ok ? '' : result.error);
  return result.value;
}

function problem(value: unknown): string {
  const result = readBundleDocument(bytes(value), trustDomain);
  return result.ok ? 'taken' : result.error;
}

function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

function jwtKey(publicKey: KeyObject, kid = 'k'): Members {
  return { ...publicKey.export({ format: 'jwk' }), use: 'jwt-svid', kid };
}

function without(entry: Members, member: string): Members {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => name !== member));
}

describe('SPIFFE bundle, written', () => {
  it('42 is a JWK Set that reads back as what it was made of', () => {
    assert.deepEqual(read(document).bundle, own);
  });

  it('43 and 44 has its sequence and refresh hint as whole numbers', () => {
    assert.equal(document['spiffe_sequence'], 7);
    assert.equal(document['spiffe_refresh_hint'], 60);
  });

  it('45 and 46 an x509-svid entry has kty, use, exactly one certificate in base64, and no kid', () => {
    assert.deepEqual(Object.keys(x509Entry).sort(), ['crv', 'kty', 'use', 'x', 'x5c', 'y']);
    assert.equal(x509Entry['use'], 'x509-svid');
    assert.deepEqual(x509Entry['x5c'], own.x509Roots);
  });

  it('47 a jwt-svid entry has kty, use and kid', () => {
    assert.deepEqual(Object.keys(jwtEntry).sort(), ['crv', 'kid', 'kty', 'use', 'x', 'y']);
    assert.equal(jwtEntry['kid'], own.jwtKeys[0]?.kid);
  });

  it('43 the sequence grows with each step of a rotation, and so the document changes', () => {
    const older = read(document);
    const newer = read({ ...document, keys: [x509Entry], spiffe_sequence: 8 });
    assert.equal(orderOf(older, newer), 'newer');
  });

  it('the JWT keys alone are a JWK Set of their own, whatever kind they are', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey;
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
    const keys = [jwtKey(rsa, 'a'), jwtKey(p384, 'b')];
    const { bundle } = read({ keys: [x509Entry, ...keys] });
    const written = JSON.parse(jwtBundleDocument(bundle)) as { keys: Members[] };
    const sorted = (list: readonly Members[]): unknown[] =>
      list.map((key) => Object.entries(key).sort());
    assert.deepEqual(sorted(written.keys), sorted(keys));
  });
});

describe('SPIFFE bundle, read', () => {
  it('42 no keys: the trust domain has revoked all, and nothing of it is believed', () => {
    const { bundle } = read({ keys: [] });
    assert.deepEqual([bundle.x509Roots, bundle.jwtKeys], [[], []]);
  });

  it('43 a sequence of 64 bits keeps all of them', () => {
    const text = JSON.stringify(document).replace(':7,', ':18446744073709551614,');
    const last = text.replace('1614,', '1615,');
    assert.equal(read(text).sequence, 2n ** 64n - 2n);
    assert.equal(orderOf(read(text), read(last.replace(/"kid":"[^"]*"/, '"kid":"n"'))), 'newer');
    assert.equal(orderOf(read(last.replace(/"kid":"[^"]*"/, '"kid":"n"')), read(text)), 'older');
  });

  it('43 without sequence what comes last is the newer; the same content is the same', () => {
    const { spiffe_sequence: _, ...rest } = document;
    const first = read(rest);
    assert.equal(first.sequence, undefined);
    assert.equal(orderOf(first, read({ ...rest, keys: [x509Entry] })), 'newer');
    assert.equal(orderOf(first, read(rest)), 'same');
  });

  it('44 the refresh hint may be missing', () => {
    assert.equal(read({ keys: [] }).refreshHintSeconds, undefined);
    assert.equal(read({ keys: [], spiffe_refresh_hint: 0 }).refreshHintSeconds, 0);
  });

  it('45 a key of an unknown kty or use, or without use, is passed over and the others are taken', () => {
    const unknown = [
      { kty: 'OKP', crv: 'Ed25519', x: 'AA', use: 'jwt-svid', kid: 'o' },
      { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA', use: 'jwt-svid', kid: 's' },
      { ...jwtEntry, use: 'sig', kid: 'u' },
      { ...jwtEntry, use: 'JWT-SVID', kid: 'c' },
      { ...jwtEntry, use: 'wit-svid', kid: 'w' },
      without(jwtEntry, 'use'),
      {},
    ];
    const more = { new_parameter: { a: 1 } };
    const { bundle } = read({ ...document, ...more, keys: [...unknown, x509Entry, jwtEntry] });
    assert.deepEqual(bundle, own);
  });

  it('46 an entry without a certificate is passed over, and so is all behind the first', () => {
    const other = bundleOf(trustDomain, 1).x509Roots[0];
    const two = { ...x509Entry, x5c: [...(x509Entry['x5c'] as string[]), other] };
    const keys = [without(x509Entry, 'x5c'), { ...x509Entry, x5c: [] }, two];
    assert.deepEqual(read({ keys }).bundle.x509Roots, own.x509Roots);
  });

  it('46 roots on RSA, P-384 and P-521 are taken, and written again as they were', () => {
    for (const kind of ['rsa', 'p384', 'p521'] as const) {
      const root = make({
        name: 'CA',
        ca: true,
        key: newKey(kind),
        uris: ['spiffe://partner.test'],
      });
      const { publicKeySpki } = root.certificate;
      const x5c = [Buffer.from(root.der).toString('base64')];
      const entry = { ...publicJwk(publicKeySpki), use: 'x509-svid', x5c };
      const { bundle } = read({ keys: [entry] });
      assert.deepEqual(bundle.x509Roots, x5c, kind);
      const written = JSON.parse(bundleDocument(bundle, { refreshHintSeconds: 60 })) as Members;
      assert.deepEqual(written['keys'], [entry], kind);
    }
  });

  it('47 RSA and EC keys on P-256, P-384 and P-521 are taken for tokens', () => {
    for (const namedCurve of ['P-256', 'P-384', 'P-521']) {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve });
      assert.equal(read({ keys: [jwtKey(publicKey)] }).bundle.jwtKeys.length, 1, namedCurve);
    }
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    assert.equal(read({ keys: [jwtKey(publicKey)] }).bundle.jwtKeys.length, 1);
  });

  it('49 and 80 the trust domain is the one that it was asked for, whatever the document says', () => {
    const { bundle } = read({ ...document, trust_domain: 'evil.test' }, 'a.test' as TrustDomain);
    assert.equal(bundle.trustDomain, 'a.test');
  });

  const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
  const leaf = { ...x509Entry, x5c: [leafOfOwn()] };
  const refused: readonly (readonly [string, unknown, RegExp])[] = [
    ['42 no JSON', 'x', /no JSON object/],
    ['42 a list', [], /no JSON object/],
    ['42 no keys', {}, /"keys" is missing/],
    ['42 keys as an object', { keys: {} }, /"keys" is missing/],
    ['42 invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /no JSON object in UTF-8/],
    ['42 a member twice', '{"keys":[],"keys":[]}', /says a member twice/],
    ['42 larger than the limit', `{"keys":[]}${' '.repeat(bundleBytesMax)}`, /larger than/],
    ['42 more keys than the limit', { keys: Array(bundleKeysMax + 1).fill({}) }, /more than 500/],
    ['42 a key that is no object', { keys: ['x'] }, /keys\[0\]: it is no object/],
    ['43 a sequence as text', { keys: [], spiffe_sequence: '7' }, /whole number of 64 bits/],
    ['43 a sequence below zero', { keys: [], spiffe_sequence: -1 }, /whole number of 64 bits/],
    ['43 a fraction', '{"keys":[],"spiffe_sequence":1.5}', /whole number of 64 bits/],
    ['43 65 bits', '{"keys":[],"spiffe_sequence":18446744073709551616}', /of 64 bits/],
    ['44 a hint as text', { keys: [], spiffe_refresh_hint: '60' }, /number of seconds/],
    ['44 a hint below zero', { keys: [], spiffe_refresh_hint: -1 }, /number of seconds/],
    ['46 a certificate that is cut off', { keys: [cut(x509Entry)] }, /keys\[0\]: its certificate/],
    ['46 no base64', { keys: [{ ...x509Entry, x5c: ['*'] }] }, /not in base64/],
    ['46 the certificate of another key', { keys: [{ ...x509Entry, ...point() }] }, /another key/],
    ['46 the certificate of a leaf', { keys: [leaf] }, /not one of a CA/],
    ['47 no kid', { keys: [without(jwtEntry, 'kid')] }, /no "kid"/],
    ['47 an empty kid', { keys: [{ ...jwtEntry, kid: '' }] }, /no "kid"/],
    [
      '47 a point off the curve',
      { keys: [{ ...jwtEntry, x: jwtEntry['y'] }] },
      /no point on P-256/,
    ],
    ['47 a short coordinate', { keys: [{ ...jwtEntry, x: 'AA' }] }, /32 bytes/],
    ['47 a weak RSA key', { keys: [jwtKey(weak)] }, /1024 bits/],
    ['47 a private key', { keys: [{ ...jwtEntry, d: 'AA' }] }, /gives a private key away/],
    ['48 a kid twice', { keys: [jwtEntry, jwtEntry] }, /keys\[1\]: a second key/],
    [
      '48 a kid that a wit-svid has too',
      { keys: [{ ...jwtEntry, use: 'wit-svid' }, jwtEntry] },
      /keys\[1\]: a second key/,
    ],
  ];
  for (const [name, value, expected] of refused) {
    it(`${name} is refused`, () => assert.match(problem(value), expected));
  }
});

function cut(entry: Members): Members {
  const [certificate = ''] = entry['x5c'] as string[];
  const der = Buffer.from(certificate, 'base64').subarray(0, -1);
  return { ...entry, x5c: [der.toString('base64')] };
}

function point(): Members {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' });
  return { x, y };
}

/** A workload's certificate: whoever took it for a root would let a workload sign others. */
function leafOfOwn(): string {
  const active = createGeneration({ trustDomain, nowMs, random: systemRandom });
  const svid = issueSvid({
    ca: active.intermediate,
    spiffeId: workloadId(trustDomain, 'web' as ServiceName),
    publicKeySpki: active.jwt.spki,
    ttlSeconds: 60,
    nowMs,
    random: systemRandom,
  });
  return Buffer.from(svid.certificateDer).toString('base64');
}
