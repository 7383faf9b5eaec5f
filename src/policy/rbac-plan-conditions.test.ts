import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIntent } from '../model/parse.ts';
import { policyDocument } from './document.ts';
import type { Verdict } from './plan-parts.ts';
import { type RbacPlan, rbacPlan } from './rbac-plan.ts';
import { evaluateAudit, evaluatePlan, type PlannedRequest } from './rbac-plan-evaluate.fixture.ts';

const keys = JSON.stringify({
  keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
});
const mesh = `
mesh: shop
trust_domain: acme
issuers:
  login: { issuer: https://login.test, audience: shop, jwks: '${keys}' }
peers:
  partner.test: { endpoint: https://bundle.partner.test/, profile: https_web }
roles:
  support: [reports, "person:alice@acme.test"]
`;

function planOf(rules: string, decides: 'proxy' | 'desk' = 'proxy'): RbacPlan {
  const service = (name: string, port: number, more = ''): [string, string] => [
    `services/${name}.yaml`,
    `service: ${name}\nowner: us\nprotocol: http\nport: ${port}\n${more}`,
  ];
  const { intent, findings } = parseIntent(
    new Map([
      ['mesh.yaml', mesh],
      service('payments', 8_001, rules),
      service('cart', 8_002),
      service('reports', 8_003),
    ]),
  );
  assert.ok(intent, JSON.stringify(findings, null, 1));
  const plan = rbacPlan(policyDocument(intent), 'payments', {
    decides,
    routes: [...intent.services.values()].find(({ name }) => name === 'payments')?.routes ?? [],
  });
  assert.ok(plan);
  return plan;
}

const sent: PlannedRequest = {
  ...{ caller: 'spiffe://acme/cart', method: 'GET', path: '/a', host: 'payments', headers: [] },
};

function ask(rules: string, more: Partial<PlannedRequest> = {}): string {
  const { kind, id } = evaluatePlan(planOf(rules), { ...sent, ...more });
  return `${kind}/${id}`;
}

describe('an allow by a header', () => {
  const rules = 'allow: [{ id: a, from: cart, to: { headers: { x-tenant: acme } } }]\n';
  const cases: readonly (readonly [string, PlannedRequest['headers'], string])[] = [
    ['one line with the value', [['X-Tenant', 'acme']], 'allow/a'],
    ['another value', [['x-tenant', 'other']], 'ask/default'],
    ['no line', [], 'ask/default'],
    [
      'two lines',
      [
        ['x-tenant', 'acme'],
        ['x-tenant', 'acme'],
      ],
      'ask/default',
    ],
  ];
  for (const [name, headers, expected] of cases) {
    test(name, () => assert.equal(ask(rules, { headers: headers ?? [] }), expected));
  }

  test('of any value: one with a comma may be two, and is asked about', () => {
    const any = 'allow: [{ id: a, from: cart, to: { headers: { x-tenant: "*" } } }]\n';
    assert.equal(ask(any, { headers: [['x-tenant', 'b']] }), 'allow/a');
    assert.equal(ask(any, { headers: [['x-tenant', 'b, c']] }), 'ask/a');
  });

  test('that may be two goes to the desk, also where a rule for more paths holds', () => {
    const both =
      'allow:\n  - { id: a, from: cart, to: { request: GET /a, headers: { x-tenant: "*" } } }\n' +
      '  - { id: b, from: cart, to: { request: GET /**, headers: { x-debug: on } } }\n';
    const debug = ['x-debug', 'on'] as const;
    assert.equal(ask(both, { headers: [debug] }), 'allow/b');
    assert.equal(ask(both, { headers: [debug, ['x-tenant', 'b']] }), 'allow/a');
    assert.equal(ask(both, { headers: [debug, ['x-tenant', 'b, c']] }), 'ask/a');
  });

  for (const value of ['a,b', 'ü']) {
    test(`of the value "${value}", which Envoy may read in another way, is left to the desk`, () => {
      const plan = planOf(
        `allow: [{ id: a, from: cart, to: { headers: { x-tenant: "${value}" } } }]\n`,
      );
      assert.deepEqual(plan.stages, []);
      assert.deepEqual(plan.kept, [
        { rule: 'a', reason: 'the value of the header x-tenant may be several, or is not plain' },
      ]);
    });
  }
});

test('an allow by hosts takes them in canonical form only', () => {
  const rules = 'allow: [{ id: a, from: cart, to: { host: [payments, pay.test] } }]\n';
  assert.equal(ask(rules), 'allow/a');
  assert.equal(ask(rules, { host: 'pay.test' }), 'allow/a');
  for (const host of ['payxtest', 'other']) assert.equal(ask(rules, { host }), 'ask/default');
  for (const host of ['Payments', 'payments:80', 'payments.', 'a..b', '', '[::1]', 'a,b']) {
    assert.equal(ask(rules, { host }), 'ask/unusual-host');
  }
});

test('a rule without conditions is tried before one with some, and one caller falls back to all', () => {
  const rules =
    'allow:\n  - { id: a, from: cart, to: { headers: { x-tenant: acme } } }\n' +
    '  - { id: b, from: "*", to: { headers: { x-debug: "*" } } }\n';
  assert.equal(ask(rules, { headers: [['x-debug', '1']] }), 'allow/b');
  assert.equal(ask(`${rules}  - { id: c, from: cart, to: GET /a }\n`), 'allow/c');
});

describe('a deny with conditions is asked about ahead of any allow', () => {
  const allowed = 'allow: [{ id: a, from: cart }]\n';
  test('by a header: wherever the header is there, in whatever form', () => {
    const rules = `${allowed}deny: [{ id: d, from: "*", to: { headers: { x-debug: on } } }]\n`;
    assert.equal(ask(rules), 'allow/a');
    for (const value of ['on', 'off', 'off, on', '\xff']) {
      assert.equal(ask(rules, { headers: [['x-debug', value]] }), 'ask/d');
    }
  });
  for (const [name, condition, without] of [
    ['a token', 'token: { issuer: login }', 'allow/a'],
    ['a host', 'to: { host: payments }', 'ask/d'],
    ['a condition', 'when: source.service == "cart"', 'ask/d'],
  ] as const) {
    test(`by ${name}: where it may hold`, () => {
      const rules = `${allowed}deny: [{ id: d, from: "*", ${condition} }]\n`;
      assert.equal(ask(rules), without);
      assert.equal(ask(rules, { headers: [['authorization', 'Bearer x']] }), 'ask/d');
      assert.equal(planOf(rules).kept.length, 1);
    });
  }
});

describe('a deny that names people', () => {
  const allowed = 'allow: [{ id: a, from: cart }]\n';
  for (const from of ['"person:bob@acme.test"', 'role:support']) {
    test(`${from}: any caller may bring the token of such a one`, () => {
      const rules = `${allowed}deny: [{ id: d, from: ${from}, to: GET /a }]\n`;
      assert.equal(ask(rules, { headers: [['authorization', 'Bearer x']] }), 'ask/d');
      assert.equal(ask(rules), 'allow/a');
    });
  }
  test('denies the services of the role by itself', () => {
    const rules = `${allowed}deny: [{ id: d, from: role:support, to: GET /a }]\n`;
    assert.equal(ask(rules, { caller: 'spiffe://acme/reports' }), 'deny/d');
  });
});

test('a caller of another trust domain is left to the desk, allowed or denied', () => {
  const caller = 'spiffe://partner.test/billing';
  const rules = `allow: [{ id: a, from: ["*", ${caller}] }]\ndeny: [{ id: d, from: "*", to: GET /x }]\n`;
  assert.equal(ask(rules, { caller }), 'ask/unknown-caller');
  assert.equal(ask(rules, { caller, path: '/x' }), 'ask/unknown-caller');
  assert.deepEqual(planOf(rules).kept, [
    { rule: 'a', reason: 'callers of other trust domains are told apart at the desk' },
  ]);
});

test('two credentials have no one reading, and are asked about', () => {
  const rules = 'allow: [{ id: a, from: cart }]\n';
  const two = [
    ['authorization', 'Basic a'],
    ['authorization', 'Basic b'],
  ] as const;
  assert.equal(ask(rules, { headers: two }), 'ask/several-credentials');
  assert.equal(ask(rules, { headers: two.slice(1) }), 'allow/a');
});

test('an allow with a token is not in the tree, and says why', () => {
  const plan = planOf('allow: [{ id: a, from: cart, token: { issuer: login } }]\n');
  assert.deepEqual(plan.stages, []);
  assert.deepEqual(plan.kept, [{ rule: 'a', reason: 'its token is verified at the desk' }]);
});

const told = (verdict: Verdict | undefined) => verdict && `${verdict.kind}/${verdict.id}`;

describe('audit', () => {
  const allowed = 'allow: [{ id: a, from: cart }]\n';
  const audited = (rules: string, more: Partial<PlannedRequest> = {}): string | undefined =>
    told(evaluateAudit(planOf(`${allowed}${rules}`), { ...sent, ...more }));

  test('a deny in audit decides nothing and is told beside', () => {
    const rules = 'deny: [{ id: d, from: cart, to: GET /a, mode: audit }]\n';
    assert.equal(ask(`${allowed}${rules}`), 'allow/a');
    assert.equal(audited(rules), 'deny/d');
    assert.equal(audited(rules, { path: '/b' }), undefined);
  });
  test('of several the one is told that would be named in force', () => {
    const several = (more: string): string =>
      `deny:\n  - { id: c, from: "*"${more} }\n  - { id: d, from: cart, to: GET /a${more} }\n`;
    assert.equal(audited(several(', mode: audit')), 'deny/d');
    assert.equal(ask(`${allowed}${several('')}`), 'deny/d');
  });
  test('with a header, of any line and any item', () => {
    const rules = 'deny: [{ id: d, from: "*", mode: audit, to: { headers: { x-debug: on } } }]\n';
    for (const value of ['on', 'off, on', 'on,off']) {
      assert.equal(audited(rules, { headers: [['x-debug', value]] }), 'deny/d');
    }
    assert.equal(audited(rules, { headers: [['x-debug', 'only']] }), undefined);
  });
  test('with a token the desk hears it, which is asked wherever there are credentials', () => {
    const rules = `deny: [{ id: d, from: "*", to: GET /a, mode: audit, token: { issuer: login } }]\n`;
    const plan = planOf(`${allowed}${rules}`);
    assert.deepEqual(plan.kept, [
      { rule: 'd', reason: 'its token is verified at the desk, also in audit' },
    ]);
    const headers = [['authorization', 'Bearer x']] as const;
    assert.equal(ask(`${allowed}${rules}`, { headers }), 'allow/a', 'it decides nothing');
    assert.equal(audited(rules, { headers }), 'ask/d');
    assert.equal(audited(rules), undefined);
    assert.equal(audited(rules, { headers, path: '/b' }), undefined);
  });
  test('of people the desk hears it, whoever brings their token', () => {
    const rules = `deny: [{ id: d, from: "person:bob@acme.test", mode: audit }]\n`;
    assert.equal(audited(rules, { headers: [['authorization', 'Bearer x']] }), 'ask/d');
    assert.equal(audited(rules), undefined);
  });
  test('without such rules there is no second tree', () => {
    assert.deepEqual(planOf(allowed).audits, []);
  });
});

test('with `decide: desk` everything is asked about', () => {
  const plan = planOf('allow: [{ id: a, from: cart }]\ndeny: [{ id: d, from: cart }]\n', 'desk');
  assert.deepEqual(evaluatePlan(plan, sent), { kind: 'ask', id: 'desk-decides' });
  const overridden = { ...sent, headers: [['x-original-url', '/b']] as const };
  assert.equal(evaluatePlan(plan, overridden).id, 'several-readings');
  assert.equal(plan.kept.length, 2);
});

describe('a route that is open while no desk answers', () => {
  const rules = `allow:
  - { id: plain, from: cart, to: GET /plain }
  - { id: by-token, from: cart, to: "GET /catalog/**", token: { issuer: login } }
deny:
  - { id: d, from: "*", to: "* /catalog/internal/**" }
  - { id: maybe, from: "*", to: "* /catalog/own/**", when: source.service != "reports" }
routes:
  - { id: shut, match: { path: "/catalog/orders/**" }, to: v1 }
  - { id: beta, match: { path: "/catalog/beta", header: { x-beta: "1" } }, to: v1 }
  - { id: catalog, match: { path: "/catalog/**", method: GET }, to: v1, desk_away: open }
  - { to: v1 }
`;
  const open = 'ask/open-route/catalog';
  const cases: readonly (readonly [string, Partial<PlannedRequest>, string])[] = [
    ['opens what only a desk can decide', { path: '/catalog/7' }, open],
    ['opens it to any service', { path: '/catalog', caller: 'spiffe://acme/reports' }, open],
    [
      'opens it to no stranger',
      { path: '/catalog/7', caller: 'spiffe://x/y' },
      'ask/unknown-caller',
    ],
    ['opens no other method', { path: '/catalog/7', method: 'PUT' }, 'ask/default'],
    ['opens no other path', { path: '/catalogs' }, 'ask/default'],
    ['opens nothing that a route before it takes', { path: '/catalog/orders/7' }, 'ask/default'],
    ['opens nothing that one before it may take', { path: '/catalog/beta' }, 'ask/default'],
    ['opens nothing that is denied', { path: '/catalog/internal/x' }, 'deny/d'],
    ['opens nothing that a denial may be about', { path: '/catalog/own/x' }, 'ask/maybe'],
    ['opens no path with several readings', { path: '/catalog/..;/x' }, 'ask/unusual-path'],
    ['takes nothing from what is allowed', { path: '/plain' }, 'allow/plain'],
  ];
  for (const [what, more, verdict] of cases) {
    test(what, () => assert.equal(ask(rules, more), verdict));
  }

  test('opens nothing that a denial may be about where the desk decides all', () => {
    const plan = planOf(rules, 'desk');
    for (const [path, id] of [
      ['/catalog/7', 'open-route/catalog'],
      ['/catalog/internal/x', 'desk-decides'],
      ['/catalog/own/x', 'desk-decides'],
      ['/catalog/orders/7', 'default'],
      ['/plain', 'desk-decides'],
    ] as const) {
      assert.deepEqual(evaluatePlan(plan, { ...sent, path }), { kind: 'ask', id });
    }
  });
});
