import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pick, type RandomNumber, seeded } from '../base/seeded.fixture.ts';
import { canonicalize } from './canonical.ts';
import { compilePolicy } from './compiled-policy.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { overridingHeaders } from './other-readings.ts';
import { sketchPolicy } from './policy.fixture.ts';
import { randomCaller, randomPath, randomPolicy } from './random.fixture.ts';
import { type RbacPlan, rbacPlan } from './rbac-plan.ts';
import { evaluatePlan, type PlannedRequest } from './rbac-plan-evaluate.fixture.ts';

function planOf(rules: readonly string[]): RbacPlan {
  const services = { cart: [], checkout: [], payments: rules };
  const plan = rbacPlan(sketchPolicy({ services }), 'payments');
  assert.ok(plan !== undefined);
  return plan;
}

/** Of a service whose only rule is for the desk. */
function askingPlan(): RbacPlan {
  const document = sketchPolicy({ services: { cart: [], payments: ['allow cart * /**'] } });
  const token = { issuers: [], audiences: [], scopes: ['read'], claims: [] };
  const services = document.services.map((service) => ({
    ...service,
    rules: service.rules.map((rule) => ({
      ...rule,
      conditions: { headers: [], hosts: [], token },
    })),
  }));
  const plan = rbacPlan({ ...document, services }, 'payments');
  assert.ok(plan?.stages.length === 0);
  return plan;
}

function ask(rules: readonly string[], caller: string, method: string, path: string): string {
  const input = { caller: `spiffe://acme/${caller}`, method, path, host: 'payments' };
  const verdict = evaluatePlan(planOf(rules), input);
  return `${verdict.kind}/${verdict.id}`;
}

describe('a plan', () => {
  const cases: readonly (readonly [
    rule: string,
    rules: readonly string[],
    asked: [string, string, string],
    verdict: string,
  ])[] = [
    ['allows what a rule allows', ['allow cart GET /a'], ['cart', 'GET', '/a'], 'allow/r1'],
    ['asks about another method', ['allow cart GET /a'], ['cart', 'POST', '/a'], 'ask/default'],
    ['asks about another caller', ['allow cart GET /a'], ['checkout', 'GET', '/a'], 'ask/default'],
    [
      'denies where a deny rule holds',
      ['allow cart * /**', 'deny cart GET /a'],
      ['cart', 'GET', '/a'],
      'deny/r2',
    ],
    [
      'denies where a deny rule holds with a final slash',
      ['allow cart * /**', 'deny * * /a/*'],
      ['cart', 'GET', '/a/b/'],
      'deny/r2',
    ],
    [
      'does not take a longer name for a rest',
      ['allow cart GET /pay/**'],
      ['cart', 'GET', '/payroll'],
      'ask/default',
    ],
    ['takes no rest for a rest', ['allow cart GET /pay/**'], ['cart', 'GET', '/pay'], 'allow/r1'],
    [
      'falls back to a shorter prefix',
      ['allow cart GET /a/**', 'allow checkout GET /a/b/**'],
      ['cart', 'GET', '/a/b/c'],
      'allow/r1',
    ],
    [
      'falls back from the exact path to a prefix',
      ['allow cart GET /a/**', 'allow checkout GET /a/b'],
      ['cart', 'GET', '/a/b'],
      'allow/r1',
    ],
    [
      'falls back from the method to any method',
      ['allow cart * /a', 'allow checkout GET /a'],
      ['cart', 'GET', '/a'],
      'allow/r1',
    ],
    [
      'names the nearest path before a named method or caller',
      ['allow cart GET /a/**', 'allow * * /a', 'allow cart GET /*'],
      ['cart', 'GET', '/a'],
      'allow/r2',
    ],
    [
      'names the pattern with a name where another has any',
      ['allow cart GET /x/*/**', 'allow cart GET /x/*/b', 'allow * GET /x/*/*'],
      ['cart', 'GET', '/x/a/b'],
      'allow/r2',
    ],
    [
      'names a rule for a caller before one for all, also where it is for both',
      ['allow cart GET /a', 'allow * GET /a'],
      ['cart', 'GET', '/a'],
      'allow/r1',
    ],
    [
      'asks about a dot that a pattern holds elsewhere',
      ['allow cart GET /a.b/*'],
      ['cart', 'GET', '/axb/c'],
      'ask/default',
    ],
    [
      'allows names that begin with a dot',
      ['allow cart GET /.well-known/**'],
      ['cart', 'GET', '/.well-known/x'],
      'allow/r1',
    ],
    [
      'asks about a caller that is no service',
      ['allow * GET /a'],
      ['ghost', 'GET', '/a'],
      'ask/unknown-caller',
    ],
    [
      'asks about a peer with several names',
      ['allow * GET /a'],
      ['cart,spiffe://acme/checkout', 'GET', '/a'],
      'ask/unknown-caller',
    ],
    [
      'asks about a method in lower case',
      ['allow cart * /a'],
      ['cart', 'get', '/a'],
      'ask/unusual-method',
    ],
  ];
  for (const [rule, rules, asked, verdict] of cases) {
    test(rule, () => assert.equal(ask(rules, ...asked), verdict));
  }

  for (const path of [
    '/a;x',
    '/a%2fb',
    '/a%61',
    '/a%3bx',
    '/a\\b',
    '//a',
    '/a//b',
    '/./a',
    '/a/..',
    '/a/./b',
    '',
    'a',
    '/ü',
    '/a b',
  ]) {
    test(`asks about the path ${JSON.stringify(path)}, which may have a second reading`, () => {
      assert.equal(ask(['allow cart * /**'], 'cart', 'GET', path), 'ask/unusual-path');
    });
  }

  const queries: readonly (readonly [query: string, verdict: string])[] = [
    ['?', 'allow/r1'],
    ['?a=b&c=%20+~@;/../[]"<>\\^`{|}', 'allow/r1'],
    ['?a=\u00e9', 'ask/unusual-path'],
    ['?a#b', 'ask/unusual-path'],
    ['?a b', 'ask/unusual-path'],
    ['?a\nb', 'ask/unusual-path'],
  ];
  for (const [query, expected] of queries) {
    test(`takes the query ${JSON.stringify(query)} as the desk does`, () => {
      const asked = { caller: 'spiffe://acme/cart', method: 'GET', path: '/a', host: 'x' };
      const verdict = evaluatePlan(planOf(['allow cart GET /a']), {
        ...asked,
        target: `/a${query}`,
      });
      assert.equal(`${verdict.kind}/${verdict.id}`, expected);
      const raw = { principal: asked.caller, method: 'GET', host: 'x', headers: [] };
      assert.equal(canonicalize({ ...raw, path: `/a${query}` }).ok, verdict.kind === 'allow');
    });
  }

  test('of a service that does not exist is none', () => {
    assert.equal(rbacPlan(sketchPolicy({ services: {} }), 'payments'), undefined);
  });

  test('carries no guard for callers or methods that no rule can let in', () => {
    const inputs = planOf(['allow cart GET /a']).guards.map(({ input }) => input);
    assert.deepEqual(
      inputs.filter((input) => !/^header (?:x-|destination$)/.test(input)),
      ['target', 'target', 'host', 'header authorization'],
    );
  });
});

const oddities = [';x', '%2f', '%61', '//', '/./', '/../', '/..', '.', '%', '\\'];

function randomInput(random: RandomNumber): PlannedRequest {
  const path = randomPath(random);
  const at = Math.floor(random() * (path.length + 1));
  const odd = `${path.slice(0, at)}${pick(random, oddities)}${path.slice(at)}`;
  const caller = `spiffe://acme/${randomCaller(random)}`;
  return {
    caller: pick(random, [
      caller,
      caller,
      caller,
      caller,
      `${caller},spiffe://acme/a`,
      `spiffe://other/a`,
    ]),
    method: pick(random, ['GET', 'GET', 'POST', 'POST', 'PUT', 'LIST', 'get']),
    path: random() < 0.9 ? path : odd,
    host: 'x',
  };
}

test('a plan asks about what only the desk can tell in how many ways it reads, whoever decides', () => {
  for (const plan of [planOf(['allow cart * /**']), askingPlan()]) {
    for (const name of overridingHeaders.keys()) {
      const asked = { caller: 'spiffe://acme/cart', method: 'GET', path: '/a', host: 'x' };
      const verdict = evaluatePlan(plan, { ...asked, headers: [[name, '/b']] });
      assert.equal(verdict.id, 'several-readings', name);
    }
    for (const target of ['/a?_method=PUT', '/a?x=1&%5Fm%65thod=put', '/a?.method=delete']) {
      const asked = { caller: 'spiffe://acme/cart', method: 'POST', path: '/a', host: 'x', target };
      assert.equal(evaluatePlan(plan, asked).id, 'several-readings', target);
    }
  }
});

test('over 40,000 random requests a plan says what is decided and names the same rule, or asks', () => {
  const met = { both: 0, denied: 0, asked: 0 };
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seeded(seed);
    const document = randomPolicy(random);
    const policy = compilePolicy(document);
    const callee = pick(random, document.services);
    const plan = rbacPlan(document, callee.name);
    assert.ok(plan !== undefined);
    for (let at = 0; at < 200; at += 1) {
      const input = randomInput(random);
      const raw = {
        principal: input.caller,
        method: input.method,
        path: input.path,
        host: 'x',
        headers: [],
      };
      const canonical = canonicalize(raw);
      const decision: Decision | undefined = canonical.ok
        ? decide(policy, {
            caller: canonical.value.caller,
            callee: callee.name,
            action: { kind: 'http', method: canonical.value.method, path: canonical.value.path },
          })
        : undefined;
      const verdict = evaluatePlan(plan, input);
      const context = `seed ${seed}: ${JSON.stringify(input)} at ${callee.name}: ${verdict.id}`;
      if (verdict.kind !== 'ask') {
        assert.equal(decision?.kind, verdict.kind, context);
        assert.equal(decision?.rule?.id, verdict.id, context);
        met[verdict.kind === 'allow' ? 'both' : 'denied'] += 1;
      } else if (decision?.kind === 'allow') {
        // What has one plain reading and is allowed never costs a question.
        assert.notEqual(verdict.id, 'default', context);
        met.asked += 1;
      } else {
        met.denied += 1;
      }
    }
  }
  assert.ok(met.both > 2_000 && met.denied > 4_000 && met.asked > 50, JSON.stringify(met));
});

test('a rule that a plan names allows the request by itself', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = seeded(seed);
    const document = randomPolicy(random);
    const callee = pick(random, document.services);
    const plan = rbacPlan(document, callee.name);
    assert.ok(plan !== undefined);
    for (let at = 0; at < 30; at += 1) {
      const caller = randomCaller(random);
      const [method, path] = [pick(random, ['GET', 'POST']), randomPath(random)];
      const input = { caller: `spiffe://acme/${caller}`, method, path, host: 'x' };
      const verdict = evaluatePlan(plan, input);
      if (verdict.kind !== 'allow') continue;
      const only = {
        ...document,
        services: document.services.map((service) => ({
          ...service,
          rules: service === callee ? service.rules.filter(({ id }) => id === verdict.id) : [],
        })),
      };
      const decision = decide(compilePolicy(only), {
        caller: { trustDomain: 'acme', name: caller },
        callee: callee.name,
        action: { kind: 'http', method, path },
      });
      assert.equal(
        decision.kind,
        'allow',
        `seed ${seed}: ${caller} ${method} ${path} by ${verdict.id}`,
      );
    }
  }
});
