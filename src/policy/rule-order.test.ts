import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIntent } from '../model/parse.ts';
import { compilePolicy } from './compiled-policy.ts';
import { decide } from './decide.ts';
import { answerOf } from './decision.ts';
import { policyDocument } from './document.ts';
import { nothingKnown, type RequestFacts } from './facts.ts';
import { pathRank } from './rule-order.ts';

const keys =
  '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}';
const token = {
  ...{ issuerName: 'login', issuer: 'https://login.test', subject: 'u', person: 'alice' },
  ...{ audiences: ['shop'], scopes: [], claims: {}, expiresMs: 1 },
};
const facts: RequestFacts = {
  ...{ ...nothingKnown, host: 'payments', headers: [['x-tenant', 'acme']], timeMs: 0 },
  token: { kind: 'valid', token },
};

function named(rules: string, caller = 'cart'): string | undefined {
  const service = (name: string, port: number, more = ''): [string, string] => [
    `services/${name}.yaml`,
    `service: ${name}\nowner: us\nprotocol: http\nport: ${port}\n${more}`,
  ];
  const mesh =
    'mesh: shop\ntrust_domain: acme\n' +
    `issuers: { login: { issuer: https://login.test, audience: shop, person: email, jwks: '${keys}' } }\n`;
  const { intent, findings } = parseIntent(
    new Map([['mesh.yaml', mesh], service('payments', 8_001, rules), service('cart', 8_002)]),
  );
  assert.ok(intent, JSON.stringify(findings));
  const decision = decide(compilePolicy(policyDocument(intent)), {
    ...{ caller: { trustDomain: 'acme', name: caller }, callee: 'payments', facts },
    action: { kind: 'http', method: 'GET', path: '/a' },
  });
  return answerOf(decision).rule?.id;
}

const plain = '{ id: z-plain, from: "*" }';
const header = '{ id: y-header, from: "*", to: { headers: { x-tenant: acme } } }';
const person = '{ id: x-person, from: "person:alice", to: GET /a }';
const cel = '{ id: a-cel, from: cart, to: GET /a, when: source.service == "cart" }';

test('of allows the one is named that the proxy can tell, however near the others are', () => {
  assert.equal(named(`allow: [${[cel, person, header, plain].join()}]`), 'z-plain');
  assert.equal(named(`allow: [${[cel, person, header].join()}]`), 'y-header');
  assert.equal(named(`allow: [${[cel, person].join()}]`), 'x-person');
  assert.equal(named(`allow: [${cel}]`), 'a-cel');
});

test('of denials likewise', () => {
  assert.equal(named(`deny: [${[cel, person, plain].join()}]`), 'z-plain');
  assert.equal(named(`deny: [${[cel, person].join()}]`), 'x-person');
});

test('a deny for everybody is named for who is no service of the mesh, too', () => {
  assert.equal(named(`deny: [${plain}]`, 'gone'), 'z-plain');
  assert.equal(named(`deny: [${cel}]`, 'gone'), undefined);
});

test('of places alike the one is named with the nearer path, method, caller and id, in this order', () => {
  const ordered = [
    '{ id: d, from: cart, to: GET /a }',
    '{ id: e, from: cart, to: GET /a }',
    '{ id: c, from: "*", to: GET /a }',
    '{ id: b, from: cart, to: "* /a" }',
    '{ id: a0, from: cart, to: GET /a/** }',
    '{ id: a1, from: cart, to: GET /* }',
    '{ id: a2, from: cart, to: GET /*/** }',
    '{ id: a3, from: cart, to: GET /** }',
  ];
  for (let at = 0; at < ordered.length; at += 1) {
    const rest = ordered.slice(at);
    const [, first] = /id: (\w+)/.exec(rest[0] ?? '') ?? [];
    for (const effect of ['allow', 'deny']) {
      assert.equal(named(`${effect}: [${rest.toReversed().join()}]`), first);
      assert.equal(named(`${effect}: [${rest.join()}]`), first);
    }
  }
});

test('paths are in order at the first segment where they differ', () => {
  const paths = ['/a/b', '/a/b/**', '/a/*', '/a/*/**', '/a/**', '/*/b', '/*/*', '/**'];
  const ranks = paths.map((path) => pathRank(path.split('/').slice(1)));
  assert.deepEqual(ranks.toSorted(), ranks);
});
