import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIntent } from '../model/parse.ts';
import type { Intent } from '../model/types.ts';
import { noToken, nothingKnown, type RequestFacts } from '../policy/facts.ts';
import { whoCan } from './who-can.ts';
import { verdictOf, why } from './why.ts';

const mesh = `
mesh: shop
trust_domain: shop.test
attributes: { team: string }
peers:
  partner.test: { endpoint: https://bundle.partner.test/, profile: https_web }
`;
const payments = `
service: payments
owner: us
protocol: http
port: 8001
allow:
  - { id: charge, from: cart, to: POST /v1/charges }
  - { id: tenants, from: cart, to: { request: GET /v1/**, headers: { x-tenant: acme } } }
  - { id: partner, from: spiffe://partner.test/desk, to: GET /v1/charges }
  - { id: team, from: cart, to: GET /team, when: 'source.team == "pay" && request.headers["x-role"] == "a"' }
deny:
  - { id: night, from: "*", to: DELETE /**, when: request.time.getHours() < 6 }
  - { id: internal, from: "*", to: "* /internal/**" }
routes:
  - { id: beta, match: { header: { x-beta: "1" } }, to: v2 }
  - { split: { v1: 90, v2: 10 } }
`;
const other = (name: string, port: number, more = '') =>
  `service: ${name}\nowner: us\nprotocol: http\nport: ${port}\n${more}`;

function intentOf(): Intent {
  const { intent, findings } = parseIntent(
    new Map([
      ['mesh.yaml', mesh],
      ['services/payments.yaml', payments],
      ['services/cart.yaml', other('cart', 8002, 'attributes: { team: shop }\n')],
      ['services/reports.yaml', other('reports', 8003)],
      [
        'services/db.yaml',
        'service: db\nowner: us\nprotocol: tcp\nport: 8004\nallow: [{ from: cart }]\n',
      ],
    ]),
  );
  assert.ok(intent, JSON.stringify(findings));
  return intent;
}

const intent = intentOf();

function ask(from: string, words: string, facts: Partial<RequestFacts> = {}, to = 'payments') {
  const [method = '', path = ''] = words.split(' ');
  const request = words === '' ? undefined : { method, path };
  return why(intent, { from, to, request, facts: { ...nothingKnown, host: to, ...facts } });
}

describe('why', () => {
  test('names the rule, the identity, the route and where it is decided', () => {
    const answer = ask('cart', 'POST /v1/charges');
    assert.equal(answer.decision.kind === 'allow' && answer.decision.rule.id, 'charge');
    assert.equal(answer.caller.id, 'spiffe://shop.test/cart');
    assert.equal(answer.route?.route.id, 'default');
    assert.deepEqual(
      answer.route?.maybe.map(({ id }) => id),
      ['beta'],
    );
    assert.deepEqual(answer.decided, { by: 'proxy', because: undefined });
  });
  test('says what it hangs on, and what would hold then', () => {
    const answer = ask('cart', 'GET /v1/charges');
    assert.equal(verdictOf(answer.decision), 'DEPENDS');
    assert.deepEqual(answer.decision.kind === 'depends' && answer.decision.on, ['header x-tenant']);
    assert.deepEqual(
      answer.open.map(({ wants }) => wants),
      ['the header x-tenant: acme'],
    );
  });
  test('a header that is known settles it; one that is not among others leaves it open', () => {
    const headers = [['x-tenant', 'acme']] as const;
    assert.equal(ask('cart', 'GET /v1/charges', { headers }).decision.kind, 'allow');
    const some = { headers: [['x-beta', '1']] as const, moreHeaders: true as const };
    const open = ask('cart', 'GET /v1/charges', some);
    assert.equal(open.decision.kind, 'depends');
    assert.equal(open.route?.route.id, 'beta');
    assert.equal(ask('cart', 'GET /v1/charges', { headers: [] }).decision.kind, 'deny');
  });
  test('a denial by default is open to no condition of a deny', () => {
    assert.equal(ask('reports', 'DELETE /v1/charges').decision.kind, 'deny');
  });
  test('says that a request never leaves the proxy of its caller', () => {
    assert.equal(ask('reports', 'GET /v1/charges', { token: noToken }).staysHome, true);
    assert.equal(ask('cart', 'POST /v1/charges').staysHome, false);
  });
  test('a host that is not the callee gets 421 there, whatever the rules say, and no route', () => {
    const other = ask('cart', 'POST /v1/charges', { host: 'evil' });
    assert.deepEqual([other.otherHost, other.route], ['evil', undefined]);
    for (const host of ['payments', 'Payments.', 'payments:8443']) {
      assert.equal(ask('cart', 'POST /v1/charges', { host }).otherHost, undefined, host);
    }
  });
  test('judges every reading that an application could have', () => {
    const headers = [['x-original-url', '/internal/x']] as const;
    const { decision, decided } = ask('cart', 'POST /v1/charges', { headers });
    assert.equal(decision.kind === 'deny' && decision.code, 'CH2130');
    assert.equal(decided?.by, 'desk');
  });
  test('what has no one reading is held against no rule', () => {
    const { decision, path, decided } = ask('cart', 'GET /v1%00charges');
    assert.equal(decision.kind === 'deny' && decision.code, 'CH4110');
    assert.deepEqual([path, decided], [undefined, undefined]);
  });
  test('says which parts of a condition keep a near rule from holding, and what they read', () => {
    const partly = ask('cart', 'GET /team', { headers: [['x-role', 'b']] });
    assert.deepEqual(partly.reasons.get('team'), [
      {
        ...{ part: 'source.team == "pay"', outcome: 'is false' },
        values: ['source.team is "shop"'],
      },
      {
        ...{ part: 'request.headers["x-role"] == "a"', outcome: 'is false' },
        values: ['request.headers["x-role"] is "b"'],
      },
    ]);
    const [, header] = ask('cart', 'GET /team', { headers: [] }).reasons.get('team') ?? [];
    assert.deepEqual(header, {
      ...{ part: 'request.headers["x-role"] == "a"', values: [] },
      outcome: 'is not decided: there is no `x-role`',
    });
    assert.equal(ask('cart', 'POST /v1/charges').reasons.size, 0);
    assert.equal(ask('cart', 'GET /v1%00charges').reasons.size, 0);
  });
  test('a connection', () => {
    assert.equal(ask('cart', '', {}, 'db').decision.kind, 'allow');
    assert.equal(ask('reports', '', {}, 'db').decision.kind, 'deny');
  });
});

test('who can: services and guests, with the rule that lets them', () => {
  const request = { method: 'GET', path: '/v1/charges' };
  const found = whoCan(intent, {
    to: 'payments',
    request,
    facts: { ...nothingKnown, host: 'payments' },
  });
  assert.deepEqual(
    found.callers.map(({ name, verdict, rules }) => [name, verdict, ...rules]),
    [
      ['cart', 'DEPENDS', 'tenants'],
      ['spiffe://partner.test/desk', 'ALLOW', 'partner'],
    ],
  );
  assert.equal(found.asked, 5);
});
