import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { parseIntent } from './parse.ts';

function rsa(bits: number, kid: string) {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  return { kid, ...publicKey.export({ format: 'jwk' }) };
}

const ed25519 = {
  ...{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
};

function issuer(name: string, more: object = {}, keys: readonly object[] = [ed25519]) {
  const jwks = JSON.stringify({ keys });
  return { [name]: { issuer: `https://${name}.test`, audience: 'shop', jwks, ...more } };
}

/** Codes, lines and messages. */
function found(issuers: object, rules: string, roles: object = {}) {
  const mesh = JSON.stringify({ mesh: 'shop', trust_domain: 'acme', issuers, roles });
  const service = `service: payments\nowner: us\nprotocol: http\nport: 8001\n${rules}`;
  const { findings, intent } = parseIntent(
    new Map([
      ['mesh.yaml', mesh],
      ['services/payments.yaml', service],
    ]),
  );
  const told = findings.map(({ code, severity, message, at }) => [
    `${code} ${severity} ${at?.file}:${at?.line}`,
    message,
  ]);
  return { told, isGood: intent !== undefined };
}

describe('keys of an issuer', () => {
  const allow = 'allow: [{ from: payments }]\n';
  test('an RSA key under 2,048 bits is a finding', () => {
    const { told, isGood } = found(
      issuer('login', {}, [rsa(1_024, 'old'), rsa(2_048, 'new')]),
      allow,
    );
    assert.ok(isGood);
    assert.deepEqual(told, [
      ['CH1140 warning mesh.yaml:1', 'tokens by the key "old" are refused: it has 1024 bits'],
    ]);
  });
  test('and an error where there is no other', () => {
    const { told, isGood } = found(issuer('login', {}, [rsa(1_024, 'old')]), allow);
    assert.ok(!isGood);
    assert.deepEqual(told, [
      [
        'CH1116 error mesh.yaml:1',
        'these are no public keys: none is an RSA key of 2048 bits or more, an EC or an Ed25519 key',
      ],
    ]);
  });
});

describe('a person', () => {
  const naming = issuer('login', { person: 'email' });
  const both = { ...naming, ...issuer('other', { person: 'email' }) };
  const from = (who: string, more = ''): string =>
    `allow:\n  - { id: a, from: "${who}", to: GET /a${more} }\n`;

  test('whom several issuers may name is a warning, also in a role', () => {
    assert.deepEqual(found(naming, from('person:ann')).told, []);
    const ambiguous = 'person:ann may be said by login or other';
    assert.deepEqual(found(both, from('person:ann')).told, [
      ['CH1141 warning services/payments.yaml:6', ambiguous],
    ]);
    assert.deepEqual(found(both, from('role:r'), { r: ['person:ann'] }).told, [
      ['CH1141 warning mesh.yaml:1', ambiguous],
    ]);
  });
  test('is bound to an issuer by its name', () => {
    assert.deepEqual(found(both, from('person:login/ann')), { told: [], isGood: true });
  });
  test('of an issuer that is not there, or that names nobody, is an error', () => {
    for (const [issuers, who] of [
      [both, 'lgin'],
      [issuer('login'), 'login'],
    ] as const) {
      const { told, isGood } = found(issuers, from(`person:${who}/ann`));
      assert.ok(!isGood);
      assert.deepEqual(told, [
        [
          'CH1038 error services/payments.yaml:6',
          `"person:${who}/ann" names no person: no issuer "${who}" says who somebody is`,
        ],
      ]);
    }
  });
  test('whom no token can name that the rule takes is a warning', () => {
    const never = (issuers: object, rules: string): unknown => found(issuers, rules).told[0]?.[1];
    const rule = 'the rule "a" never holds for person:';
    assert.equal(
      never(issuer('login'), from('person:ann')),
      `${rule}ann: no issuer says who somebody is`,
    );
    assert.equal(
      never(naming, from('person:ann', ', token: { audience: reports }')),
      'the rule "a" holds for person:ann only by a token that is for reports and for shop',
    );
    assert.equal(never(naming, from('person:ann', ', token: { audience: shop }')), undefined);
    assert.equal(
      never({ ...naming, ...issuer('bots') }, from('person:ann', ', token: { issuer: bots }')),
      `${rule}ann: it wants a token of bots, which does not say so`,
    );
    assert.equal(
      never(both, from('person:login/ann', ', token: { issuer: other }')),
      `${rule}login/ann: it wants a token of other, which does not say so`,
    );
  });
});
