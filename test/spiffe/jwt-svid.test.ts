import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { systemRandom as random } from '../../src/base/random.ts';
import { jwtTtlSeconds, openAuthority } from '../../src/identity/authority.ts';
import { jwkThumbprint, signJwt } from '../../src/identity/jws.ts';
import { verifyJwtSvid } from '../../src/identity/jwt-svid.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { TrustBundle } from '../../src/identity/trust.ts';
import type { ServiceName, TrustDomain } from '../../src/model/types.ts';
import { memoryKek } from '../support/memory-kek.ts';
import { memoryStore } from '../support/memory-store.ts';

const nowMs = Date.UTC(2026, 10, 24);
const nowSeconds = nowMs / 1_000;
const exp = nowSeconds + 300;

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
  return { key: { kid, privateKey }, spki, bundle };
}

const shop = authority('shop.test');
const other = authority('other.test');
const bundles = [shop.bundle, other.bundle];
const claims = { sub: 'spiffe://shop.test/web', aud: ['payments'], exp, iat: nowSeconds };
const header = { alg: 'ES256', kid: shop.key.kid, typ: 'JWT' };

function problem(token: string, audience = 'payments', atMs = nowMs): string {
  const result = verifyJwtSvid({ token, audience, nowMs: atMs, bundles });
  return result.ok ? 'taken' : result.error;
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A token with any header and any claims, signed by `key`. */
function crafted(head: unknown, body: unknown, key = shop.key): string {
  const signed = `${encoded(head)}.${encoded(body)}`;
  const signature = sign('sha256', Buffer.from(signed), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${signed}.${signature.toString('base64url')}`;
}

type Refused = readonly [rule: string, token: string, reason: RegExp];

function refuses(cases: readonly Refused[]): void {
  for (const [rule, token, reason] of cases) {
    it(rule, () => assert.match(problem(token), reason));
  }
}

/** One token as the mesh's own CA issues it, taken apart. */
async function issued(audience: readonly string[] = ['payments'], ttlSeconds = jwtTtlSeconds) {
  const trustDomain = 'shop.test' as TrustDomain;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => {} };
  const options = { store: memoryStore(), kek: memoryKek(), trustDomain, clock, random };
  const ca = await openAuthority(options);
  const spiffeId = workloadId(trustDomain, 'web' as ServiceName);
  const { token } = ca.issueJwt({ spiffeId, audience, ttlSeconds, host: 'h' });
  const decoded = (text: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(text, 'base64url').toString());
  const [head = '', body = '', ...others] = token.split('.');
  return { token, head: decoded(head), body: decoded(body), others, bundle: ca.news.bundle };
}

describe('JWT-SVIDs that are issued', { timeout: 20_000 }, () => {
  it('30 are a JWS in compact form: three parts in base64url without padding', async () => {
    const { token } = await issued();
    assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it('31 are signed with ES256, by a P-256 key', async () => {
    const { head, others } = await issued();
    assert.equal(head['alg'], 'ES256');
    assert.equal(Buffer.from(others[0] ?? '', 'base64url').length, 64);
  });

  it('32, 33 and 34 have a header of alg, kid and typ JWT, and nothing else', async () => {
    const { head, bundle } = await issued();
    const kid = bundle.jwtKeys[0]?.kid;
    assert.deepEqual(head, { alg: 'ES256', kid, typ: 'JWT' });
  });

  it('35 have the SPIFFE ID of the workload as subject', async () => {
    assert.equal((await issued()).body['sub'], 'spiffe://shop.test/web');
  });

  it('36 have the audiences that were asked for, as a list, and no other', async () => {
    assert.deepEqual((await issued(['payments'])).body['aud'], ['payments']);
    assert.deepEqual((await issued(['a', 'b'])).body['aud'], ['a', 'b']);
  });

  it('37 end', async () => {
    assert.equal((await issued()).body['exp'], nowSeconds + jwtTtlSeconds);
  });

  it('39 hold by the key of their trust domain in the bundle, named by kid', async () => {
    const { token, bundle } = await issued();
    const given = { token, audience: 'payments', nowMs };
    assert.ok(verifyJwtSvid({ ...given, bundles: [bundle] }).ok);
    assert.ok(!verifyJwtSvid({ ...given, bundles }).ok, 'another CA of this name took it');
  });

  it('41 live five minutes, whoever asks for more; less is given', async () => {
    assert.equal(jwtTtlSeconds, 300);
    assert.equal((await issued(['a'], 86_400)).body['exp'], nowSeconds + 300);
    assert.equal((await issued(['a'], 60)).body['exp'], nowSeconds + 60);
  });
});

describe('JWT-SVIDs that are checked', () => {
  const good = crafted(header, claims);
  const [headText = '', bodyText = '', signatureText = ''] = good.split('.');

  it('a good one is taken, with its claims', () => {
    const token = signJwt(shop.key, { ...claims, team: 'web' });
    const result = verifyJwtSvid({ token, audience: 'payments', nowMs, bundles });
    assert.ok(result.ok);
    assert.equal(result.value.spiffeId, 'spiffe://shop.test/web');
    assert.equal(result.value.expiresAtSeconds, exp);
    assert.equal(result.value.claims['team'], 'web');
  });

  const json = { protected: headText, payload: bodyText, signature: signatureText };
  refuses([
    ['30 the flattened JSON form', JSON.stringify(json), /compact form/],
    ['30 the general JSON form', JSON.stringify({ signatures: [json] }), /compact form/],
    ['30 two parts', `${headText}.${bodyText}`, /compact form/],
    ['30 four parts', `${good}.x`, /compact form/],
    ['30 a JWE of five parts', `${good}.x.y`, /compact form/],
    ['30 an empty text', '', /compact form/],
    ['30 a detached payload', `${headText}..${signatureText}`, /claims .* not a JSON object/],
    ['30 padding', `${headText}=.${bodyText}.${signatureText}`, /header .* not a JSON object/],
    ['30 blanks around it', ` ${good}`, /header .* not a JSON object/],
    ['30 a line break at the end', `${good}\n`, /signature/],
    ['30 base64 instead of base64url', good.replace(/.$/, '+'), /signature/],
  ]);

  const hmac = (secret: string | Buffer): string => {
    const signed = `${encoded({ ...header, alg: 'HS256' })}.${bodyText}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const pem = `-----BEGIN PUBLIC KEY-----\n${shop.spki.toString('base64')}\n-----END PUBLIC KEY-----`;
  const none = encoded({ ...header, alg: 'none' });
  const alg = (name: unknown): string => crafted({ ...header, alg: name }, claims);
  refuses([
    ['31 none, with the signature of another', alg('none'), /"none" is not taken/],
    ['31 none, without a signature', `${none}.${bodyText}.`, /"none" is not taken/],
    ['31 HS256 with the public key as secret', hmac(shop.spki), /"HS256" is not taken/],
    ['31 HS256 with the public key in PEM as secret', hmac(pem), /"HS256" is not taken/],
    ['31 HS384', alg('HS384'), /"HS384" is not taken/],
    ['31 HS512', alg('HS512'), /"HS512" is not taken/],
    ['31 EdDSA', alg('EdDSA'), /"EdDSA" is not taken/],
    ['31 ES256K', alg('ES256K'), /"ES256K" is not taken/],
    ['31 small letters', alg('es256'), /"es256" is not taken/],
    ['31 no text', alg(256), /256 is not taken/],
    ['31 a list', alg(['ES256']), /not taken/],
    ['31 left out', alg(undefined), /undefined is not taken/],
  ]);
  for (const name of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES384', 'ES512']) {
    it(`31 ${name} with a key on P-256`, () => assert.notEqual(problem(alg(name)), 'taken'));
  }

  const members = ['jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'cty', 'b64', 'enc', 'zip'];
  refuses(
    members.map((name): Refused => {
      const token = crafted({ ...header, [name]: 'x' }, claims);
      return [`32 a header with ${name}`, token, new RegExp(`has a member "${name}"`)];
    }),
  );

  for (const typ of ['JWT', 'JOSE', undefined]) {
    it(`33 typ ${typ ?? 'left out'} is taken`, () => {
      assert.equal(problem(crafted({ ...header, typ }, claims)), 'taken');
    });
  }
  refuses(
    ['at+jwt', 'jwt', 'JWE', '', null, 1, ['JWT']].map((typ): Refused => {
      const token = crafted({ ...header, typ }, claims);
      return [`33 typ ${JSON.stringify(typ)}`, token, /neither JWT nor JOSE/];
    }),
  );

  it('34 a token without kid is taken, by whichever key of its trust domain fits', () => {
    assert.equal(problem(crafted({ alg: 'ES256' }, claims)), 'taken');
    const foreign = crafted({ alg: 'ES256' }, claims, other.key);
    assert.match(problem(foreign), /does not fit/);
  });
  refuses([
    ['34 an unknown kid', crafted({ ...header, kid: 'x' }, claims), /has no key "x"/],
    ['34 an empty kid', crafted({ ...header, kid: '' }, claims), /name of its key/],
    ['34 a kid that is no text', crafted({ ...header, kid: 1 }, claims), /name of its key/],
  ]);

  const sub = (value: unknown): string => crafted(header, { ...claims, sub: value });
  refuses([
    ['35 no subject', sub(undefined), /no subject/],
    ['35 a subject that is no text', sub(['spiffe://shop.test/web']), /no subject/],
    ['35 a subject that is no SPIFFE ID', sub('web'), /no SPIFFE ID/],
    ['35 a SPIFFE ID with a dot segment', sub('spiffe://shop.test/a/../web'), /no SPIFFE ID/],
    ['35 a trust domain as subject', sub('spiffe://shop.test'), /not a workload/],
  ]);

  const aud = (value: unknown): string => crafted(header, { ...claims, aud: value });
  it('36 one audience may be a text', () => assert.equal(problem(aud('payments')), 'taken'));
  it('36 one of several is enough', () =>
    assert.equal(problem(aud(['ledger', 'payments'])), 'taken'));
  refuses([
    ['36 no audience', aud(undefined), /no audience/],
    ['36 an empty list', aud([]), /not for the audience/],
    ['36 a list with what is no text', aud(['payments', 1]), /no audience/],
    ['36 another audience', aud(['ledger']), /not for the audience/],
    ['36 an audience that only begins alike', aud('payments2'), /not for the audience/],
    ['36 an audience in other letters', aud('Payments'), /not for the audience/],
  ]);

  const ends = (value: unknown): string => crafted(header, { ...claims, exp: value });
  it('37 the last moment before the end is taken, the end itself is not', () => {
    assert.equal(problem(ends(nowSeconds + 1), 'payments', nowMs + 999), 'taken');
    assert.match(problem(ends(nowSeconds + 1), 'payments', nowMs + 1_000), /has ended/);
  });
  refuses([
    ['37 no end', ends(undefined), /does not say when it ends/],
    ['37 an end as text', ends(String(exp)), /does not say when it ends/],
    ['37 no end: null', ends(null), /does not say when it ends/],
    ['37 past its end', ends(nowSeconds - 1), /has ended/],
  ]);

  const begins = (value: unknown): string => crafted(header, { ...claims, nbf: value });
  it('38 a beginning in the past is taken', () =>
    assert.equal(problem(begins(nowSeconds)), 'taken'));
  it('38 clocks may differ by ten seconds, no more', () => {
    assert.equal(problem(begins(nowSeconds + 10)), 'taken');
    assert.match(problem(begins(nowSeconds + 11)), /not valid yet/);
  });
  refuses([['38 a beginning that is no number', begins('0'), /not valid yet/]]);

  const foreign = { ...claims, sub: 'spiffe://other.test/web' };
  refuses([
    ['39 a key of another trust domain, by its kid', crafted(header, foreign), /has no key/],
    [
      '39 a key of another trust domain, under a kid of this one',
      crafted({ ...header, kid: other.key.kid }, foreign),
      /does not fit/,
    ],
    [
      '39 a trust domain without bundle',
      crafted(header, { ...claims, sub: 'spiffe://far.test/web' }),
      /no bundle/,
    ],
  ]);

  refuses([
    ['40 crit', crafted({ ...header, crit: ['x'], x: 1 }, claims), /member "crit"/],
    ['40 crit that names nothing', crafted({ ...header, crit: [] }, claims), /member "crit"/],
  ]);
});
