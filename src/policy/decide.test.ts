import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compilePolicy } from './compiled-policy.ts';
import { decide } from './decide.ts';
import { type Answer, actionText, answerOf } from './decision.ts';
import { type Sketch, sketchPolicy } from './policy.fixture.ts';

const shop: Sketch = {
  roles: { support: ['helpdesk', 'chat'] },
  protocols: { ledger: 'grpc', db: 'tcp' },
  services: {
    cart: [],
    checkout: [],
    helpdesk: [],
    chat: [],
    payments: [
      'allow checkout POST /v1/charges',
      'allow role:support GET /v1/charges/*',
      'allow checkout * /v1/refunds/**',
      'deny * * /v1/refunds/internal',
      'deny chat GET /v1/charges/*',
    ],
    ledger: ['allow checkout acme.Ledger/Post', 'allow cart acme.Ledger/*'],
    db: ['allow checkout connect'],
    open: ['allow * GET /public/**'],
  },
};
const policy = compilePolicy(sketchPolicy(shop));

function ask(caller: string, callee: string, method: string, path = '/'): Answer {
  const action =
    method === 'connect'
      ? ({ kind: 'connect' } as const)
      : ({ kind: 'http', method, path } as const);
  return answerOf(
    decide(policy, { caller: { trustDomain: 'acme', name: caller }, callee, action }),
  );
}

function brief(decision: Answer): string {
  const rule = decision.rule === undefined ? '' : ` ${decision.rule.service}/${decision.rule.id}`;
  return `${decision.kind === 'allow' ? 'allow' : decision.code}${rule}`;
}

describe('rules', () => {
  const cases: readonly (readonly [string, Parameters<typeof ask>, string])[] = [
    [
      'an allow rule lets its caller in',
      ['checkout', 'payments', 'POST', '/v1/charges'],
      'allow payments/r1',
    ],
    ['another method is not allowed', ['checkout', 'payments', 'GET', '/v1/charges'], 'CH2101'],
    ['another caller is not allowed', ['cart', 'payments', 'POST', '/v1/charges'], 'CH2101'],
    ['a longer path is not allowed', ['checkout', 'payments', 'POST', '/v1/charges/1'], 'CH2101'],
    [
      'a path that only begins alike is not allowed',
      ['checkout', 'payments', 'POST', '/v1/chargesx'],
      'CH2101',
    ],
    [
      'a final slash makes another path for an allow rule',
      ['checkout', 'payments', 'POST', '/v1/charges/'],
      'CH2101',
    ],
    [
      'a member of a role is let in',
      ['helpdesk', 'payments', 'GET', '/v1/charges/9'],
      'allow payments/r2',
    ],
    ['one segment is not two', ['helpdesk', 'payments', 'GET', '/v1/charges/9/items'], 'CH2101'],
    ['one segment is not empty', ['helpdesk', 'payments', 'GET', '/v1/charges/'], 'CH2101'],
    ['a rest may be none', ['checkout', 'payments', 'GET', '/v1/refunds'], 'allow payments/r3'],
    ['a rest may be long', ['checkout', 'payments', 'PUT', '/v1/refunds/a/b'], 'allow payments/r3'],
    [
      'a deny rule wins over an allow rule',
      ['checkout', 'payments', 'GET', '/v1/refunds/internal'],
      'CH2102 payments/r4',
    ],
    [
      'a deny rule holds with a final slash',
      ['checkout', 'payments', 'GET', '/v1/refunds/internal/'],
      'CH2102 payments/r4',
    ],
    [
      'a deny rule for one member wins over its role',
      ['chat', 'payments', 'GET', '/v1/charges/9'],
      'CH2102 payments/r5',
    ],
    ['any service is let in by "*"', ['cart', 'open', 'GET', '/public/x'], 'allow open/r1'],
    ['gRPC: one method', ['checkout', 'ledger', 'POST', '/acme.Ledger/Post'], 'allow ledger/r1'],
    [
      'gRPC: any method of a service',
      ['cart', 'ledger', 'POST', '/acme.Ledger/Read'],
      'allow ledger/r2',
    ],
    [
      'gRPC: names are case-sensitive',
      ['checkout', 'ledger', 'POST', '/acme.ledger/post'],
      'CH2101',
    ],
    ['gRPC: only POST', ['checkout', 'ledger', 'GET', '/acme.Ledger/Post'], 'CH2101'],
    ['TCP: a connection is let in', ['checkout', 'db', 'connect'], 'allow db/r1'],
    ['TCP: a request is no connection', ['checkout', 'db', 'GET', '/'], 'CH2101'],
    ['TCP: a connection is no request', ['checkout', 'payments', 'connect'], 'CH2101'],
    ['a service that does not exist', ['checkout', 'paymnets', 'GET', '/'], 'CH2104'],
    ['a caller that is no service', ['ghost', 'open', 'GET', '/public/x'], 'CH2105'],
    ['the name of a map member is no service', ['__proto__', 'constructor', 'GET', '/'], 'CH2104'],
  ];
  for (const [rule, request, expected] of cases) {
    test(rule, () => assert.equal(brief(ask(...request)), expected));
  }

  const action = { kind: 'http', method: 'GET', path: '/public/x' } as const;
  test('a caller without identity is denied even where anyone may come', () => {
    assert.equal(
      brief(answerOf(decide(policy, { caller: undefined, callee: 'open', action }))),
      'CH2105',
    );
  });
  test('a service of another trust domain is denied even where anyone may come', () => {
    const caller = { trustDomain: 'other', name: 'cart' };
    assert.equal(brief(answerOf(decide(policy, { caller, callee: 'open', action }))), 'CH2105');
  });
});

test('of two roles that let a caller in, the same one is named whatever their order', () => {
  const services = { cart: [], payments: ['allow role:red GET /a', 'allow role:blue GET /a'] };
  const request = {
    caller: { trustDomain: 'acme', name: 'cart' },
    callee: 'payments',
    action: { kind: 'http', method: 'GET', path: '/a' },
  } as const;
  for (const names of [
    ['red', 'blue'],
    ['blue', 'red'],
  ]) {
    const roles = Object.fromEntries(names.map((name) => [name, ['cart']]));
    const found = answerOf(decide(compilePolicy(sketchPolicy({ services, roles })), request));
    assert.equal(found.rule?.id, 'r1', names.join());
  }
});

describe('reasons', () => {
  function denied(decision: Answer) {
    assert.equal(decision.kind, 'deny');
    if (decision.kind !== 'deny') throw new Error('unreachable');
    return decision;
  }

  test('a deny by default says which file to change and how', () => {
    const decision = denied(ask('cart', 'payments', 'GET', '/v1/charges/881'));
    assert.equal(
      decision.reason,
      'cart may not GET /v1/charges/881 on payments: no allow rule in services/payments.yaml names cart',
    );
    assert.equal(
      decision.help,
      'add to services/payments.yaml:\n  allow:\n    - from: cart\n      to: GET /v1/charges/*',
    );
  });
  test('the closest rule is the one that fails in one clause, with what was wanted and got', () => {
    const { closest } = denied(ask('checkout', 'payments', 'POST', '/v1/charge'));
    assert.deepEqual(
      closest.map(({ rule, clause, wanted, got }) => [rule.id, clause, wanted, got]),
      [
        ['r1', 'path', '/v1/charges', '/v1/charge'],
        ['r3', 'path', '/v1/refunds/**', '/v1/charge'],
      ],
    );
  });
  test('a rule for others that covers the request is near by its caller', () => {
    const [first] = denied(ask('cart', 'payments', 'POST', '/v1/charges')).closest;
    assert.deepEqual(
      [first?.rule.id, first?.clause, first?.wanted, first?.got],
      ['r1', 'from', 'checkout', 'cart'],
    );
  });
  test('a wrong method is named', () => {
    const [first] = denied(ask('checkout', 'payments', 'DELETE', '/v1/charges')).closest;
    assert.deepEqual([first?.clause, first?.wanted, first?.got], ['method', 'POST', 'DELETE']);
  });
  test('a request to a TCP service is near by its protocol', () => {
    const [first] = denied(ask('checkout', 'db', 'GET', '/')).closest;
    assert.deepEqual([first?.clause, first?.wanted], ['protocol', 'a TCP connection']);
  });
  test('a deny rule is named with its place', () => {
    assert.equal(
      denied(ask('checkout', 'payments', 'GET', '/v1/refunds/internal')).reason,
      'checkout may not GET /v1/refunds/internal on payments: deny rule "r4" (services/payments.yaml:4) forbids it',
    );
  });
  test('an unknown service comes with the nearest names', () => {
    const decision = denied(ask('checkout', 'paymnets', 'GET', '/'));
    assert.equal(decision.nearest, 'payments');
    assert.equal(decision.reason, 'there is no service "paymnets" in this mesh');
  });
  test('a long path is cut in the reason', () => {
    const decision = denied(ask('cart', 'payments', 'GET', `/${'a'.repeat(5_000)}`));
    assert.ok(decision.reason.length < 400);
  });
  test('a path with quotes or colons is a quoted YAML text, and what no rule can name any segment', () => {
    const { help } = denied(ask('cart', 'payments', 'GET', `/a'b':,c/"d": #e`));
    assert.ok(help?.endsWith(`      to: "GET /a'b':,c/*"`), `${help}`);
  });
  test('an action is one text', () => {
    assert.equal(actionText({ kind: 'connect' }), 'connect');
  });
});
