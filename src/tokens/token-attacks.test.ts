import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { seeded } from '../base/seeded.fixture.ts';
import type { HeaderLines } from '../policy/facts.ts';
import {
  fitting,
  goodClaims,
  issuer,
  jwkOf,
  nowMs,
  nowSeconds,
  type PairName,
  pairs,
  part,
  signed,
} from './token.fixture.ts';
import { tokenVerifier } from './token-verifier.ts';

const header = { alg: 'ES256', kid: 'ES256' };
const lines = (token: string): HeaderLines => [['authorization', `Bearer ${token}`]];
const verify = tokenVerifier([issuer]);
const good = () => signed(header, goodClaims, 'ES256');

function standing(token: string): string {
  const found = verify(lines(token), nowMs);
  return found.kind === 'invalid' ? found.reason : found.kind;
}

/** Each against an otherwise good token. Numbers: the list of adversarial requests in the notes on authorization. */
const attacks: readonly (readonly [what: string, token: () => string, refusal: string])[] = [
  ['39: expired', () => signed(header, { ...goodClaims, exp: nowSeconds - 1 }, 'ES256'), 'expired'],
  [
    'it ends this very moment',
    () => signed(header, { ...goodClaims, exp: nowSeconds }, 'ES256'),
    'expired',
  ],
  [
    '39: alg none without signature',
    () => `${part({ alg: 'none' })}.${part(goodClaims)}.`,
    'algorithm',
  ],
  ['alg None, signed', () => signed({ ...header, alg: 'None' }, goodClaims, 'ES256'), 'algorithm'],
  ['no alg', () => signed({ kid: 'ES256' }, goodClaims, 'ES256'), 'algorithm'],
  ['alg is a list', () => signed({ ...header, alg: ['ES256'] }, goodClaims, 'ES256'), 'algorithm'],
  ['39: HS256 with the public key as PEM', () => hmac(pem('RSA')), 'algorithm'],
  ['HS256 with the key set', () => hmac(issuer.jwks), 'algorithm'],
  ['HS256 with an empty key', () => hmac(''), 'algorithm'],
  [
    '39: unknown kid',
    () => signed({ alg: 'ES256', kid: 'other' }, goodClaims, 'ES256'),
    'unknown-key',
  ],
  [
    'kid as a path',
    () => signed({ alg: 'ES256', kid: '../../dev/null' }, goodClaims, 'ES256'),
    'unknown-key',
  ],
  ['empty kid', () => signed({ alg: 'ES256', kid: '' }, goodClaims, 'ES256'), 'malformed'],
  [
    '39: jku',
    () => signed({ ...header, jku: 'https://evil.test/jwks' }, goodClaims, 'ES256'),
    'header',
  ],
  [
    '39: x5u',
    () => signed({ ...header, x5u: 'https://evil.test/x' }, goodClaims, 'ES256'),
    'header',
  ],
  [
    '39: embedded jwk',
    () => signed({ ...header, jwk: jwkOf('ES256') }, goodClaims, 'ES256'),
    'header',
  ],
  ['x5c', () => signed({ ...header, x5c: ['MII='] }, goodClaims, 'ES256'), 'header'],
  ['crit', () => signed({ ...header, crit: ['exp'] }, goodClaims, 'ES256'), 'header'],
  ['b64', () => signed({ ...header, b64: false }, goodClaims, 'ES256'), 'header'],
  ['zip', () => signed({ ...header, zip: 'DEF' }, goodClaims, 'ES256'), 'header'],
  [
    '40: for somebody else',
    () => signed(header, { ...goodClaims, aud: 'billing' }, 'ES256'),
    'audience',
  ],
  [
    'audience in other letters',
    () => signed(header, { ...goodClaims, aud: 'Shop' }, 'ES256'),
    'audience',
  ],
  [
    'audience with a slash',
    () => signed(header, { ...goodClaims, aud: 'shop/' }, 'ES256'),
    'audience',
  ],
  ['no audience', () => signed(header, { ...goodClaims, aud: undefined }, 'ES256'), 'malformed'],
  [
    'empty list of audiences',
    () => signed(header, { ...goodClaims, aud: [] }, 'ES256'),
    'audience',
  ],
  [
    'audiences that are no texts',
    () => signed(header, { ...goodClaims, aud: ['shop', 1] }, 'ES256'),
    'malformed',
  ],
  [
    'another issuer',
    () => signed(header, { ...goodClaims, iss: 'https://evil.test' }, 'ES256'),
    'issuer',
  ],
  [
    'issuer with a slash',
    () => signed(header, { ...goodClaims, iss: `${goodClaims.iss}/` }, 'ES256'),
    'issuer',
  ],
  ['no issuer', () => signed(header, { ...goodClaims, iss: undefined }, 'ES256'), 'issuer'],
  ['issuers', () => signed(header, { ...goodClaims, iss: [goodClaims.iss] }, 'ES256'), 'issuer'],
  ['no end', () => signed(header, { ...goodClaims, exp: undefined }, 'ES256'), 'malformed'],
  [
    'an end that is a text',
    () => signed(header, { ...goodClaims, exp: '9999999999' }, 'ES256'),
    'malformed',
  ],
  [
    'an end after all time',
    () => signed(header, JSON.stringify(goodClaims).replace(/"exp":\d+/, '"exp":1e300'), 'ES256'),
    'malformed',
  ],
  [
    'not before in an hour',
    () => signed(header, { ...goodClaims, nbf: nowSeconds + 3_600 }, 'ES256'),
    'not-yet',
  ],
  [
    'made in 31 seconds',
    () => signed(header, { ...goodClaims, iat: nowSeconds + 31 }, 'ES256'),
    'not-yet',
  ],
  ['not before a text', () => signed(header, { ...goodClaims, nbf: 'now' }, 'ES256'), 'malformed'],
  ['no subject', () => signed(header, { ...goodClaims, sub: undefined }, 'ES256'), 'malformed'],
  [
    'scope is no text',
    () => signed(header, { ...goodClaims, scope: ['read'] }, 'ES256'),
    'malformed',
  ],
  ['bound to a key', () => signed(header, { ...goodClaims, cnf: { jkt: 'x' } }, 'ES256'), 'bound'],
  [
    'an ID to log out with',
    () => signed({ ...header, typ: 'logout+jwt' }, goodClaims, 'ES256'),
    'type',
  ],
  ['a proof of DPoP', () => signed({ ...header, typ: 'dpop+jwt' }, goodClaims, 'ES256'), 'type'],
  [
    'a claim twice',
    () => signed(header, JSON.stringify(goodClaims).replace('{', '{"sub":"root",'), 'ES256'),
    'malformed',
  ],
  [
    'a claim twice, once with an escape',
    () => signed(header, JSON.stringify(goodClaims).replace('{', '{"\\u0073ub":"root",'), 'ES256'),
    'malformed',
  ],
  [
    'a member of the header twice',
    () => signed('{"alg":"ES256","alg":"ES256","kid":"ES256"}', goodClaims, 'ES256'),
    'malformed',
  ],
  ['claims that are a list', () => signed(header, [goodClaims], 'ES256'), 'malformed'],
  [
    'claims in 4,000 lists',
    () =>
      signed(
        header,
        JSON.stringify(goodClaims).replace('{', `{"x":${'['.repeat(2_000)}${']'.repeat(2_000)},`),
        'ES256',
      ),
    'malformed',
  ],
  [
    'claims that are not UTF-8',
    () => withPart(1, Buffer.from('{"a":"\xff"}', 'latin1').toString('base64url')),
    'malformed',
  ],
  ['no signature', () => good().replace(/[^.]+$/, ''), 'signature'],
  ['a signature of zeros', () => withPart(2, Buffer.alloc(64).toString('base64url')), 'signature'],
  [
    'a signature in DER',
    () => withPart(2, Buffer.alloc(71, 0x30).toString('base64url')),
    'signature',
  ],
  [
    'the signature of another token',
    () => withPart(2, signed(header, { ...goodClaims, sub: 'x' }, 'ES256').split('.')[2] ?? ''),
    'signature',
  ],
  ['padding', () => `${good()}==`, 'malformed'],
  ['base64 with + and /', () => `${good()}+/`, 'malformed'],
  ['unused bits that are set', () => unusedBits(good()), 'malformed'],
  ['four parts', () => `${good()}.AAAA`, 'malformed'],
  ['five parts, as of a JWE', () => `${good()}.AAAA.AAAA`, 'malformed'],
  ['two tokens', () => `${good()},Bearer ${good()}`, 'malformed'],
  ['a token and a word', () => `${good()} x`, 'malformed'],
  ['nothing', () => '', 'malformed'],
  ['8,193 bytes', () => 'a'.repeat(8_193), 'too-long'],
];

function withPart(index: number, text: string): string {
  return good().split('.').with(index, text).join('.');
}

function pem(pair: PairName): string {
  return pairs[pair].publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

function hmac(secret: string): string {
  const text = `${part({ alg: 'HS256', kid: 'RSA' })}.${part(goodClaims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** The last character of 64 bytes in base64url has four bits that say nothing. */
function unusedBits(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(token.at(-1) ?? '');
  return `${token.slice(0, -1)}${alphabet[last + 1]}`;
}

describe('attacks', () => {
  it('the token that they change is good', () => assert.equal(standing(good()), 'valid'));

  for (const [what, token, refusal] of attacks) {
    it(`${what}: ${refusal}`, () => {
      assert.equal(standing(token()), `jwt_invalid: ${refusal}`);
    });
  }

  it('every change of one character is refused', () => {
    const verify = tokenVerifier([issuer]);
    const token = signed({ alg: 'EdDSA', kid: 'EdDSA' }, goodClaims, 'EdDSA');
    assert.equal(verify(lines(token), nowMs).kind, 'valid');
    for (let at = 0; at < token.length; at += 1) {
      for (const other of ['A', '_', '.', '=']) {
        if (token[at] === other) continue;
        const changed = token.slice(0, at) + other + token.slice(at + 1);
        assert.equal(verify(lines(changed), nowMs).kind, 'invalid', `${other} at ${at}`);
      }
    }
  });
});

/** A part of a token that may be wrong, and whether it is; chosen without a look at how tokens are read. */
interface Choice {
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
  pair: PairName;
  isGood: boolean;
}

const changes: readonly ((made: Choice, random: () => number) => void)[] = [
  (made, random) => {
    const seconds = Math.round((random() - 0.5) * 200);
    made.claims.exp = nowSeconds + seconds;
    made.isGood &&= seconds > 0;
  },
  (made, random) => {
    const seconds = Math.round((random() - 0.5) * 200);
    made.claims[random() < 0.5 ? 'nbf' : 'iat'] = nowSeconds + seconds;
    made.isGood &&= seconds <= 30;
  },
  (made, random) => {
    const audiences = ['shop', 'https://shop.acme.test', 'billing', 'SHOP'].filter(
      () => random() < 0.4,
    );
    made.claims.aud = audiences.length === 1 && random() < 0.5 ? audiences[0] : audiences;
    made.isGood &&= audiences.some((one) => issuer.audiences.includes(one));
  },
  (made, random) => {
    const others = Object.keys(pairs).filter((name) => name !== made.pair) as PairName[];
    made.pair = others[Math.floor(random() * others.length)] ?? 'RSA';
    made.isGood = false;
  },
  (made) => {
    made.claims.iss = `${issuer.issuer}.evil.test`;
    made.isGood = false;
  },
  (made) => {
    made.header.jku = 'https://evil.test';
    made.isGood = false;
  },
];

it('whatever is right or wrong with tokens, those are taken of which nothing is wrong', () => {
  const random = seeded(41);
  const counts = { good: 0, bad: 0 };
  for (let round = 0; round < 1_500; round += 1) {
    const [alg, pair] = fitting[Math.floor(random() * fitting.length)] ?? ['ES256', 'ES256'];
    const made: Choice = {
      ...{ header: { alg, kid: pair }, claims: { ...goodClaims, round }, pair },
      isGood: true,
    };
    for (const change of changes) if (random() < 0.2) change(made, random);
    const token = signed(made.header, made.claims, made.pair);
    const found = verify(lines(token), nowMs).kind;
    assert.equal(found, made.isGood ? 'valid' : 'invalid', JSON.stringify(made));
    counts[made.isGood ? 'good' : 'bad'] += 1;
  }
  assert.ok(counts.good > 200 && counts.bad > 200, JSON.stringify(counts));
});
