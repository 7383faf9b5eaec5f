import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { jwkThumbprint, signJwt } from '../../src/identity/jws.ts';
import { verifyJwtSvid } from '../../src/identity/jwt-svid.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { parseJsonOnce } from './json-once.ts';
import { runs, Seeded, seed } from './mutate.ts';

const nowMs = Date.UTC(2026, 10, 24);
const nowSeconds = nowMs / 1_000;
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = publicKey.export({ type: 'spki', format: 'der' });
const kid = jwkThumbprint(spki);
const trustDomain = 'fuzz.test' as TrustDomain;
const jwtKeys = [{ kid, publicKeySpki: spki.toString('base64') }];
const bundles = [{ trustDomain, sequence: 1, x509Roots: [], jwtKeys }];
const header = { alg: 'ES256', kid, typ: 'JWT' };
const claims = {
  sub: 'spiffe://fuzz.test/web',
  aud: ['pay', 'ledger'],
  exp: nowSeconds + 300,
  iat: nowSeconds,
  nbf: nowSeconds,
  note: { text: 'a":"b', list: [1, { x: null }] },
};

function verify(token: string) {
  return verifyJwtSvid({ token, audience: 'pay', nowMs, bundles });
}

function signed(headerText: string, claimsText: string): string {
  const text = [headerText, claimsText]
    .map((one) => Buffer.from(one).toString('base64url'))
    .join('.');
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function changedToken(token: string, numbers: Seeded): string {
  const at = numbers.below(token.length + 1);
  const letter = alphabet[numbers.below(64)] ?? '';
  switch (numbers.below(6)) {
    case 0:
      return token.slice(0, at) + letter + token.slice(at + 1);
    case 1:
      return token.slice(0, at) + letter + token.slice(at);
    case 2:
      return token.slice(0, at) + token.slice(at + 1 + numbers.below(4));
    case 3:
      return (
        token.slice(0, at) +
        numbers.of(['.', '=', '==', '+', '/', ' ', '\n', '\0', 'é']) +
        token.slice(at)
      );
    case 4: {
      const parts = token.split('.');
      const [from, to] = [numbers.below(3), numbers.below(3)];
      return parts.map((part, index) => (index === to ? (parts[from] ?? '') : part)).join('.');
    }
    default:
      return token.slice(0, at) + token.slice(numbers.below(token.length));
  }
}

const pieces = [
  ...['"sub":"spiffe://fuzz.test/web",', '"sub":"spiffe://fuzz.test/root",', '"aud":"pay",'],
  ...['"exp":99999999999,', '"\\u0073ub":"spiffe://fuzz.test/root",', '"__proto__":{"sub":"x"},'],
  ...[
    '"":1,',
    '"exp":1e400,',
    '"nbf":99999999999,',
    '"nbf":"1",',
    '"alg":"none",',
    '"crit":["b64"],',
  ],
  ...[
    '"b64":false,',
    '"jwk":{},',
    '"typ":"JOSE",',
    '"typ":"at+jwt",',
    '"kid":"",',
    '[',
    ']',
    '{',
    '}',
  ],
  ...[
    '"',
    '\\',
    ':',
    ',',
    'null',
    'true',
    '0',
    '-',
    'e9',
    '.5',
    ' ',
    '\n',
    '\u2028',
    'é',
    '/',
    'pay',
  ],
] as unknown as readonly [string, ...string[]];

function changedJson(text: string, numbers: Seeded): string {
  // Behind the opening brace a whole member fits in; anywhere else it seldom does.
  const at = numbers.below(3) === 0 ? 1 : numbers.below(text.length + 1);
  switch (numbers.below(4)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1 + numbers.below(5));
    case 1:
      return text.slice(0, at) + String.fromCharCode(32 + numbers.below(95)) + text.slice(at + 1);
    default:
      return text.slice(0, at) + numbers.of(pieces) + text.slice(at + numbers.below(2));
  }
}

/** The rules J31 to J40 on values that a reader of its own made, which knows no member twice. */
function isGood(headerText: string, claimsText: string): boolean {
  const top = parseJsonOnce(headerText);
  const body = parseJsonOnce(claimsText);
  if (!(top instanceof Map) || !(body instanceof Map)) return false;
  const names = [...top.keys()];
  const { sub, aud, exp, nbf } = Object.fromEntries(body) as Record<string, unknown>;
  const isHeader =
    names.every((name) => ['alg', 'kid', 'typ'].includes(name)) &&
    top.get('alg') === 'ES256' &&
    top.get('kid') === kid &&
    [undefined, 'JWT', 'JOSE'].includes(top.get('typ') as string | undefined);
  const audiences = Array.isArray(aud) ? aud : [aud];
  return (
    isHeader &&
    typeof sub === 'string' &&
    /^spiffe:\/\/fuzz\.test(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/.test(sub) &&
    audiences.every((one) => typeof one === 'string') &&
    audiences.includes('pay') &&
    typeof exp === 'number' &&
    Number.isFinite(exp) &&
    exp > nowSeconds &&
    (nbf === undefined || (typeof nbf === 'number' && nbf <= nowSeconds + 10))
  );
}

describe(`JWT-SVIDs, mutated from seed ${seed}`, () => {
  it('a changed token is never a crash and never taken', () => {
    const numbers = new Seeded(seed);
    const token = signJwt({ kid, privateKey }, claims);
    assert.ok(verify(token).ok);
    for (let run = 0; run < runs / 2; run += 1) {
      let changed = token;
      for (let left = 1 + numbers.below(2); left > 0; left -= 1)
        changed = changedToken(changed, numbers);
      assert.ok(changed === token || !verify(changed).ok, `taken: ${changed}`);
    }
  });

  it('of what the key did sign, the same is taken as by the rules on values', (t) => {
    const numbers = new Seeded(seed);
    const counts = { taken: 0, refused: 0 };
    for (let run = 0; run < runs / 8; run += 1) {
      let [top, body] = [JSON.stringify(header), JSON.stringify(claims)];
      for (let left = 1 + numbers.below(2); left > 0; left -= 1) {
        if (numbers.below(3) === 0) top = changedJson(top, numbers);
        else body = changedJson(body, numbers);
      }
      const { ok } = verify(signed(top, body));
      assert.equal(ok, isGood(top, body), `${top} ${body}`);
      counts[ok ? 'taken' : 'refused'] += 1;
    }
    t.diagnostic(JSON.stringify(counts));
    assert.ok(counts.taken > runs / 200 && counts.refused > runs / 200);
  });
});
