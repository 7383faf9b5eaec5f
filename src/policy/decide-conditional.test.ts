import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decide } from './decide.ts';
import {
  ask,
  brief,
  documentOf,
  policyOf,
  rule,
  token,
  valid,
} from './decide-conditional.fixture.ts';
import { nothingKnown, type RequestFacts, type TokenFacts, unknown } from './facts.ts';

describe('the query', () => {
  const rules = rule(`when: '"a" in request.query && request.query["a"] == "x"'`);
  const cases: readonly (readonly [query: string, expected: string])[] = [
    ['a=x', 'allow r1'],
    ['b&%61=%78', 'allow r1'],
    ['a=x&a=y', 'CH2101'],
    ['?a=x', 'CH2101'],
    ['a[]=x', 'CH2101'],
    ['', 'CH2101'],
  ];
  for (const [query, expected] of cases) {
    test(`${JSON.stringify(query)} is read as applications read it`, () =>
      assert.equal(brief(ask(rules, { query })).replace(/^(CH\d+).*/, '$1'), expected));
  }
});

describe('headers', () => {
  const rules = rule('to: { headers: { x-tenant: acme } }');
  const cases: readonly (readonly [string, RequestFacts['headers'], string])[] = [
    ['the value that is wanted', [['x-tenant', 'acme']], 'allow r1'],
    ['another value', [['x-tenant', 'other']], 'CH2101'],
    ['no header', [], 'CH2101'],
    [
      'two values, one of them wanted',
      [
        ['x-tenant', 'acme'],
        ['x-tenant', 'other'],
      ],
      'CH2101',
    ],
    [
      'the wanted value twice',
      [
        ['x-tenant', 'acme'],
        ['x-tenant', 'acme'],
      ],
      'CH2101',
    ],
    ['a list that holds it', [['x-tenant', 'acme, other']], 'CH2101'],
    ['not known', unknown, 'depends on header x-tenant, else CH2101'],
  ];
  for (const [name, headers, expected] of cases) {
    test(`an allow: ${name}`, () => assert.equal(brief(ask(rules, { headers })), expected));
  }

  const denies = `allow: [{ id: a, from: cart }]\n${rule('to: { headers: { x-tenant: acme } }', 'deny')}`;
  const denied: readonly (readonly [string, RequestFacts['headers'], string])[] = [
    ['the value that is meant', [['x-tenant', 'acme']], 'CH2102 r1'],
    [
      'one of two values',
      [
        ['x-tenant', 'ok'],
        ['x-tenant', 'acme'],
      ],
      'CH2102 r1',
    ],
    ['an item of a list', [['x-tenant', 'ok, acme']], 'CH2102 r1'],
    ['another value', [['x-tenant', 'ok']], 'allow a'],
    ['not known', unknown, 'depends on header x-tenant, else allow a'],
  ];
  for (const [name, headers, expected] of denied) {
    test(`a deny: ${name}`, () => assert.equal(brief(ask(denies, { headers })), expected));
  }
});

describe('hosts', () => {
  const rules = rule('to: { request: "GET /v1/**", host: [payments, pay.acme.test] }');
  test('one of those that are named', () => {
    assert.equal(brief(ask(rules, { host: 'pay.acme.test' })), 'allow r1');
  });
  test('another one', () => {
    const decision = ask(rules, { host: 'other' });
    assert.equal(brief(decision), 'CH2101');
    assert.match(decision.kind === 'deny' ? decision.reason : '', /wants the host payments or pay/);
  });
});

describe('tokens', () => {
  const rules = rule('token: { issuer: login, audience: shop, scopes: [charges.read] }');
  test('one that has all', () => assert.equal(brief(ask(rules, { token: valid })), 'allow r1'));
  test('none: the answer says what kind is wanted', () => {
    const decision = ask(rules);
    assert.equal(brief(decision), 'CH2108');
    assert.match(
      decision.kind === 'deny' ? decision.reason : '',
      /rule "r1" \(services\/payments.yaml:7\) wants a token of login for shop with the scope charges.read$/,
    );
  });
  test('one that does not verify counts as none, with its own code', () => {
    const bad = { kind: 'invalid', code: 'CH2109', reason: 'it has expired' } as const;
    assert.equal(brief(ask(rules, { token: bad })), 'CH2109');
  });
  test('one without the scope', () => {
    const without = { kind: 'valid', token: { ...token, scopes: [] } } as const;
    const decision = ask(rules, { token: without });
    assert.equal(brief(decision), 'CH2101');
    assert.equal(
      decision.kind === 'deny' ? decision.closest[0]?.got : '',
      'a token without the scope charges.read',
    );
  });
  test('not known', () => {
    assert.equal(brief(ask(rules, { token: unknown })), 'depends on token, else CH2101');
  });
  test('claims of any of the values, numbers as texts', () => {
    const claims = rule('token: { claims: { department: [hr, finance], level: 3 } }');
    assert.equal(brief(ask(claims, { token: valid })), 'allow r1');
    assert.equal(brief(ask(rule('token: { claims: { level: 4 } }'), { token: valid })), 'CH2101');
    const inherited = rule('token: { claims: { constructor: x } }');
    assert.equal(brief(ask(inherited, { token: valid })), 'CH2101');
  });
});

describe('conditions', () => {
  const same = rule('when: source.team == destination.team');
  test('attributes of both ends', () => assert.equal(brief(ask(same)), 'allow r1'));
  test('an attribute that the caller has not: an error does not allow', () => {
    const decision = ask(same, { from: 'reports' });
    assert.equal(brief(decision), 'CH2101');
    assert.equal(decision.noted?.faults.length, 1);
  });
  test('an error in a deny denies, with its own code', () => {
    const rules = `allow: [{ id: a, from: reports }]\n${rule('when: source.team != "money"', 'deny')}`;
    const decision = ask(rules, { from: 'reports' });
    assert.equal(brief(decision), 'CH2110 r1');
    assert.equal(decision.noted?.faults.length, 1);
  });
  test('a header that came twice is an error for whoever reads one value', () => {
    const rules = rule(`when: 'request.headers["x-tenant"] == "acme"'`);
    const line = ['x-tenant', 'acme'] as const;
    assert.equal(brief(ask(rules, { headers: [line] })), 'allow r1');
    assert.equal(brief(ask(rules, { headers: [line, line] })), 'CH2101');
  });
  test('what is not known leaves it open; what fails anyway does not', () => {
    const rules = rule(
      'token: { scopes: [nothing] }, when: request.time > timestamp("2020-01-01T00:00:00Z")',
    );
    assert.equal(brief(ask(rules, { token: unknown })), 'depends on token, else CH2101');
    assert.equal(brief(ask(rules, { token: valid, timeMs: unknown })), 'CH2101');
  });
  test('any of a declared issuer, where the rule says nothing of it', () => {
    const bare = { ...token, person: undefined, scopes: [], claims: {} };
    // For the audience of another rule alone.
    const other = { kind: 'valid', token: { ...token, onlyForRules: true } } as const;
    const allow = rule('token: {}');
    const deny = `allow: [{ id: a, from: cart }]\n${rule('token: {}', 'deny')}`;
    for (const one of [valid, { kind: 'valid', token: bare } as const]) {
      assert.equal(brief(ask(allow, { token: one })), 'allow r1');
      assert.equal(brief(ask(deny, { token: one })), 'CH2102 r1');
    }
    assert.equal(brief(ask(allow)), 'CH2108');
    assert.equal(brief(ask(allow, { token: other })), 'CH2101');
    for (const without of [{}, { token: other }])
      assert.equal(brief(ask(deny, without)), 'allow a');
  });
  test('a token in a condition', () => {
    const rules = rule(`when: 'has(token) && token.claims.department == "finance"'`);
    assert.equal(brief(ask(rules, { token: valid })), 'allow r1');
    assert.equal(brief(ask(rules)), 'CH2101');
  });
});

describe('a person of one issuer', () => {
  const rules = 'allow: [{ id: a, from: "person:login/alice@acme.test" }]\n';
  const by = (more: Partial<TokenFacts>): string =>
    brief(ask(rules, { token: { kind: 'valid', token: { ...token, ...more } } }));
  test('is let in by a token of that issuer alone', () => {
    assert.equal(by({}), 'allow a');
    assert.equal(by({ issuerName: 'other' }), 'CH2101');
  });
  test('is not whom another issuer calls so with the name of the issuer in it', () => {
    assert.equal(by({ issuerName: 'other', person: 'login/alice@acme.test' }), 'CH2101');
  });
  test('makes a document that a reader of version 2 refuses, for it would not meet a deny', () => {
    const deny = rules.replace('allow', 'deny');
    assert.equal(
      brief(ask(`allow: [{ id: b, from: cart }]\n${deny}`, { token: valid })),
      'CH2102 a',
    );
    assert.equal(documentOf(deny).version, 3);
    assert.equal(documentOf(rules.replace('login/', '')).version, 2);
  });
});

describe('which rule decides', () => {
  const two = (first: string, second: string) =>
    `allow:\n  - { id: ${first}, from: cart, when: source.team == "money" }\n  - { id: ${second}, from: cart, to: "GET /**", when: source.team == "money" }\n`;
  test('of several the one with the nearer path, then the one with the smaller id', () => {
    assert.equal(brief(ask(two('b', 'a'))), 'allow a');
    assert.equal(brief(ask(two('a', 'b'))), 'allow b');
    const alike = (first: string, second: string) => two(first, second).replace('GET /**', '* /**');
    assert.equal(brief(ask(alike('b', 'a'))), 'allow a');
    assert.equal(brief(ask(alike('a', 'b'))), 'allow a');
  });
  test('a deny wins over any allow', () => {
    const rules = `allow: [{ id: a, from: cart }]\ndeny: [{ id: d, from: "*", when: source.team == "money" }]\n`;
    assert.equal(brief(ask(rules)), 'CH2102 d');
  });
  test('with a final slash, too', () => {
    const rules = `allow: [{ id: a, from: cart }]\ndeny: [{ id: d, from: "*", to: GET /admin, when: source.team == "money" }]\n`;
    assert.equal(brief(ask(rules, { path: '/admin/' })), 'CH2102 d');
  });
  test('every pattern that matches is looked at, not only the most specific', () => {
    const rules = `allow:\n  - { id: a, from: cart, to: GET /v1/charges, when: source.team == "other" }\n  - { id: b, from: cart, to: "GET /v1/*", when: source.team == "money" }\n`;
    assert.equal(brief(ask(rules)), 'allow b');
  });
});

describe('audit', () => {
  test('a deny in audit blocks nothing and says that it would have', () => {
    const rules = `allow: [{ id: a, from: cart }]\n${rule('mode: audit', 'deny')}`;
    const decision = ask(rules);
    assert.equal(brief(decision), 'allow a');
    assert.deepEqual(
      decision.noted?.audits.map(({ id }) => id),
      ['r1'],
    );
  });
  test('of several that hold each is named, by id', () => {
    const rules =
      'allow: [{ id: a, from: cart }]\ndeny:\n  - { id: w, from: "*", mode: audit }\n' +
      '  - { id: b, from: cart, to: "GET /v1/**", mode: audit }\n';
    const { noted } = ask(rules);
    assert.deepEqual(
      noted?.audits.map(({ id }) => id),
      ['b', 'w'],
    );
  });
  test('an allow in audit lets nothing in and says that it would have', () => {
    const decision = ask(rule('mode: audit'));
    assert.equal(brief(decision), 'CH2101');
    assert.deepEqual(
      decision.noted?.audits.map(({ id }) => id),
      ['r1'],
    );
  });
  test('one whose conditions do not hold says nothing', () => {
    const decision = ask(rule('mode: audit, when: source.team == "other"'));
    assert.equal(decision.noted, undefined);
  });
});

describe('guests', () => {
  const partner = { trustDomain: 'partner.test' };
  test('a service of a peer by its name', () => {
    const rules = 'allow: [{ id: a, from: spiffe://partner.test/billing }]\n';
    assert.equal(brief(ask(rules, { ...partner, from: 'billing' })), 'allow a');
    assert.equal(brief(ask(rules, { ...partner, from: 'other' })), 'CH2105');
  });
  test('all of a trust domain, but not of another one', () => {
    const rules = 'allow: [{ id: a, from: spiffe://partner.test/** }]\n';
    assert.equal(brief(ask(rules, { ...partner, from: 'ns/billing' })), 'allow a');
    assert.equal(brief(ask(rules, { trustDomain: 'evil.test', from: 'billing' })), 'CH2105');
  });
  test('in a role', () => {
    const rules = 'allow: [{ id: a, from: role:support }]\n';
    assert.equal(brief(ask(rules, { ...partner, from: 'desk' })), 'allow a');
  });
  test('an allow for everybody is for this mesh, a deny for everybody is for all', () => {
    const rules =
      'allow: [{ id: a, from: "*" }, { id: b, from: spiffe://partner.test/desk, to: GET /x }]\n';
    assert.equal(brief(ask(rules, { ...partner, from: 'desk' })), 'CH2101');
    const denied = `${rules}deny: [{ id: d, from: "*", to: GET /x }]\n`;
    assert.equal(brief(ask(denied, { ...partner, from: 'desk', path: '/x' })), 'CH2102 d');
  });
  test('a person adds to what the caller may do', () => {
    const rules = 'allow: [{ id: a, from: role:support }]\n';
    assert.equal(brief(ask(rules, { token: valid })), 'allow a');
    assert.equal(brief(ask(rules)), 'CH2101');
    assert.equal(brief(ask(rules, { token: unknown })), 'depends on token, else CH2101');
    const elsewhere = { kind: 'valid', token: { ...token, onlyForRules: true } } as const;
    assert.equal(brief(ask(rules, { token: elsewhere })), 'CH2101');
  });
});

test('with nothing known a rule without conditions decides all the same', () => {
  const decision = decide(policyOf('allow: [{ id: a, from: cart }]\n'), {
    caller: { trustDomain: 'acme', name: 'cart' },
    callee: 'payments',
    action: { kind: 'http', method: 'GET', path: '/' },
  });
  assert.equal(brief(decision), 'allow a');
  assert.equal(nothingKnown.token, unknown);
});
