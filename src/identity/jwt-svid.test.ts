import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import type { TrustDomain } from '../model/types.ts';
import { jwkThumbprint, signJwt } from './jws.ts';
import { jwtBytesMax, verifyJwtSvid } from './jwt-svid.ts';
import type { TrustBundle } from './trust.ts';

const nowMs = Date.UTC(2026, 10, 24);
const exp = nowMs / 1_000 + 300;

function authority(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const kid = jwkThumbprint(spki);
  const bundle: TrustBundle = {
    trustDomain: name as TrustDomain,
    sequence: 1,
    x509Roots: [],
    jwtKeys: [{ kid, publicKeySpki: spki.toString('base64') }],
  };
  return { key: { kid, privateKey }, bundle };
}

const shop = authority('shop.test');
const other = authority('other.test');
const bundles = [shop.bundle, other.bundle];
const claims = { sub: 'spiffe://shop.test/web', aud: ['payments'], exp, iat: nowMs / 1_000 };

function problem(token: string, audience = 'payments'): string {
  const result = verifyJwtSvid({ token, audience, nowMs, bundles });
  return result.ok ? 'taken' : result.error;
}

/** A token with any header, signed by the shop's key. */
function crafted(header: unknown, body: unknown): string {
  const text = (value: unknown): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const signed = `${text(header)}.${text(body)}`;
  const { privateKey } = shop.key;
  const signature = sign('sha256', Buffer.from(signed), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${signed}.${signature.toString('base64url')}`;
}

const header = { alg: 'ES256', kid: shop.key.kid, typ: 'JWT' };

describe('JWT-SVID', () => {
  it('a token of the trust domain is taken, with its claims', () => {
    const token = signJwt(shop.key, { ...claims, team: 'web' });
    const result = verifyJwtSvid({ token, audience: 'payments', nowMs, bundles });
    assert.ok(result.ok);
    assert.equal(result.value.spiffeId, 'spiffe://shop.test/web');
    assert.equal(result.value.claims['team'], 'web');
  });

  it('J32 the header holds alg, kid and typ, and nothing else', () => {
    const [text = ''] = signJwt(shop.key, claims).split('.');
    assert.deepEqual(JSON.parse(Buffer.from(text, 'base64url').toString()), header);
    assert.match(problem(crafted({ ...header, jku: 'https://evil.test' }, claims)), /member "jku"/);
  });

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['J30 other than the compact form', JSON.stringify({ payload: 'x' }), /compact form/],
    ['J30 four parts', `${crafted(header, claims)}.x`, /compact form/],
    ['J31 alg none', crafted({ ...header, alg: 'none' }, claims), /"none" is not taken/],
    ['J31 alg HS256', crafted({ ...header, alg: 'HS256' }, claims), /"HS256" is not taken/],
    ['J31 alg in small letters', crafted({ ...header, alg: 'es256' }, claims), /not taken/],
    ['J33 another type', crafted({ ...header, typ: 'at+jwt' }, claims), /neither JWT nor JOSE/],
    ['J34 no kid', crafted({ alg: 'ES256' }, claims), /names no key/],
    ['J35 no subject', crafted(header, { ...claims, sub: undefined }), /no subject/],
    [
      'J35 a subject that is no SPIFFE ID',
      crafted(header, { ...claims, sub: 'web' }),
      /no SPIFFE ID/,
    ],
    [
      'J35 a trust domain as subject',
      crafted(header, { ...claims, sub: 'spiffe://shop.test' }),
      /not a workload/,
    ],
    ['J36 no audience', crafted(header, { ...claims, aud: undefined }), /no audience/],
    [
      'J36 another audience',
      crafted(header, { ...claims, aud: ['ledger'] }),
      /not for the audience/,
    ],
    [
      'J36 part of an audience',
      crafted(header, { ...claims, aud: 'payments2' }),
      /not for the audience/,
    ],
    ['J37 no end', crafted(header, { ...claims, exp: undefined }), /does not say when it ends/],
    ['J37 an end as text', crafted(header, { ...claims, exp: String(exp) }), /does not say when/],
    ['J37 past its end', crafted(header, { ...claims, exp: nowMs / 1_000 }), /has ended/],
    ['J38 not yet valid', crafted(header, { ...claims, nbf: exp }), /not valid yet/],
    [
      'J39 a subject of another trust domain',
      crafted(header, { ...claims, sub: 'spiffe://other.test/web' }),
      /has no key/,
    ],
    [
      'J39 a trust domain without bundle',
      crafted(header, { ...claims, sub: 'spiffe://far.test/web' }),
      /no bundle/,
    ],
    ['J40 crit', crafted({ ...header, crit: ['x'], x: 1 }, claims), /member "crit"/],
    [
      'a member that is said twice',
      crafted(header, `{"sub":"spiffe://shop.test/web","aud":"payments","exp":1,"exp":${exp}}`),
      /not a JSON object/,
    ],
    [
      'invalid UTF-8',
      `${crafted(header, claims).split('.')[0]}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.AA`,
      /not a JSON object/,
    ],
    ['longer than the limit', `${'a'.repeat(jwtBytesMax)}.b.c`, /longer than/],
  ];
  for (const [rule, token, expected] of refused) {
    it(rule, () => assert.match(problem(token), expected));
  }

  it('J36 a single audience may be a string', () => {
    assert.equal(problem(crafted(header, { ...claims, aud: 'payments' })), 'taken');
  });

  it('a colon within a text does not count as a member', () => {
    assert.equal(
      problem(crafted(header, { ...claims, note: 'a":"b:c', list: [1, { a: 'x:y' }] })),
      'taken',
    );
  });

  it('no single changed character is taken', () => {
    const token = signJwt(shop.key, claims);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (let at = 0; at < token.length; at += 1) {
      if (token[at] === '.') continue;
      const next = alphabet[(alphabet.indexOf(token[at] ?? '') + 1) % 64];
      assert.notEqual(
        problem(`${token.slice(0, at)}${next}${token.slice(at + 1)}`),
        'taken',
        `${at}`,
      );
    }
  });
});
