import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ask, brief, rule, type Sent, valid } from './decide-conditional.fixture.ts';
import { unknown } from './facts.ts';

describe('headers of which only some are known', () => {
  const known = { headers: [['x-a', '1']], moreHeaders: true } as const;
  const cases: readonly (readonly [when: string, expected: string])[] = [
    ['"x-b" in request.headers', 'depends on header x-b, else CH2101'],
    ['!("x-b" in request.headers)', 'depends on header x-b, else CH2101'],
    ['has(request.headers.host) || "x-a" in request.headers', 'allow r1'],
    ['request.headers.size() == 1', 'depends on further headers, else CH2101'],
    ['request.headers.exists(n, n == "x-b")', 'depends on further headers, else CH2101'],
    ['"x-a" in request.header_values', 'allow r1'],
  ];
  for (const [when, expected] of cases) {
    test(`${when}: ${expected}`, () =>
      assert.equal(brief(ask(rule(`when: '${when}'`), known)), expected));
  }
});

describe('a token of which nothing is known', () => {
  const open: Sent = { token: unknown };
  test('leaves open only what some rule about this very request may make of a person', () => {
    const alice = '{ id: r2, from: "person:alice@acme.test", to: GET /v1/** }';
    const plain = '{ id: r1, from: cart }';
    const allowed = `allow:\n  - ${plain}\n  - ${alice}\n`;
    assert.equal(brief(ask(allowed, open)), 'allow r1');
    const denied = `allow:\n  - ${plain}\ndeny:\n  - ${alice}\n`;
    assert.equal(brief(ask(denied, open)), 'depends on token, else allow r1');
    assert.equal(brief(ask(denied, { ...open, path: '/v2' })), 'allow r1');
    const lone = `allow:\n  - ${alice}\n`;
    assert.equal(brief(ask(lone, open)), 'depends on token, else CH2101');
    assert.equal(brief(ask(lone, { ...open, path: '/v2' })), 'CH2101');
  });

  test('is named beside what else is open', () => {
    const rules = `allow:
  - { id: r1, from: cart, to: { headers: { x-a: "1" } } }
  - { id: r2, from: "person:alice@acme.test" }
`;
    const expected = 'depends on header x-a, token, else CH2101';
    assert.equal(brief(ask(rules, { ...open, headers: unknown })), expected);
  });

  test('says nothing of the roles of its caller, which the person behind it does not change', () => {
    const rules = `allow:
  - { id: r1, from: "person:alice@acme.test", when: '"support" in source.roles' }
  - { id: r2, from: role:support, to: GET /elsewhere }
`;
    const asked = { token: valid, from: 'desk', trustDomain: 'partner.test' };
    assert.equal(brief(ask(rules, asked)), 'allow r1');
    assert.equal(brief(ask(rules, { ...asked, from: 'cart', trustDomain: 'acme' })), 'CH2101');
  });
});
