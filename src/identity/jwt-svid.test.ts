import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import type { TrustDomain } from '../model/types.ts';
import { jwkThumbprint, signJwt } from './jws.ts';
import { jwtBytesMax, verifyJwtSvid } from './jwt-svid.ts';

const nowMs = Date.UTC(2026, 10, 24);
const exp = nowMs / 1_000 + 300;
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = publicKey.export({ type: 'spki', format: 'der' });
const kid = jwkThumbprint(spki);
const jwtKeys = [{ kid, publicKeySpki: spki.toString('base64') }];
const bundle = { trustDomain: 'shop.test' as TrustDomain, sequence: 1, x509Roots: [], jwtKeys };
const claims = { sub: 'spiffe://shop.test/web', aud: ['payments'], exp };

function problem(token: string): string {
  const result = verifyJwtSvid({ token, audience: 'payments', nowMs, bundles: [bundle] });
  return result.ok ? 'taken' : result.error;
}

/** Signed well, with any bytes as claims. */
function withClaims(body: Uint8Array): string {
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid })).toString('base64url');
  const signed = `${header}.${Buffer.from(body).toString('base64url')}`;
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

/** What the specification leaves to JSON; its rules are in test/spiffe. */
describe('how JWT-SVIDs are read', () => {
  const refused: readonly (readonly [string, string])[] = [
    [
      'a member that is said twice',
      `{"sub":"${claims.sub}","aud":"payments","exp":1,"exp":${exp}}`,
    ],
    [
      'a member that is said twice, deep',
      `${JSON.stringify(claims).slice(0, -1)},"a":{"b":1,"b":2}}`,
    ],
    ['a list', '[]'],
    ['null', 'null'],
    ['a second value', `${JSON.stringify(claims)}{}`],
  ];
  for (const [name, text] of refused) {
    it(`${name} is refused`, () => {
      assert.match(problem(withClaims(Buffer.from(text))), /not a JSON object/);
    });
  }

  it('invalid UTF-8 is refused', () => {
    const text = Buffer.from(JSON.stringify({ ...claims, note: '?' }));
    text[text.indexOf('?')] = 0xff;
    assert.match(problem(withClaims(text)), /not a JSON object/);
  });

  it('what is longer than the limit is refused', () => {
    assert.match(problem(`${'a'.repeat(jwtBytesMax)}.b.c`), /longer than/);
  });

  it('colons within texts and members without a name are no twins', () => {
    const more = { note: 'a":"b:c', list: [1, { a: 'x:y' }], '': { '': 1 } };
    assert.equal(problem(withClaims(Buffer.from(JSON.stringify({ ...claims, ...more })))), 'taken');
  });

  it('no single changed character is taken', () => {
    const token = signJwt({ kid, privateKey }, claims);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (let at = 0; at < token.length; at += 1) {
      if (token[at] === '.') continue;
      const next = alphabet[(alphabet.indexOf(token[at] ?? '') + 1) % 64];
      const changed = `${token.slice(0, at)}${next}${token.slice(at + 1)}`;
      assert.notEqual(problem(changed), 'taken', `${at}`);
    }
  });
});
