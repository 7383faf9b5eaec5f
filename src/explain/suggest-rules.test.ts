import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf, meshFile, serviceFile } from '../../test/support/gate-world.ts';
import type { ServiceName } from '../model/types.ts';
import { policyDocument } from '../policy/document.ts';
import type { Flow } from '../policy/flow.ts';
import { mayComeIn } from './flow-diff.ts';
import { suggestRules } from './suggest-rules.ts';
import { ruleStandings } from './unused-rules.ts';

const rules = `allow:
  - { id: read, from: "*", to: "GET /**" }
  - { id: write, from: web, to: "POST /**" }
  - { id: tenant, from: web, to: { request: "GET /t", headers: { x-tenant: acme } } }
  - { id: never, from: cart, to: DELETE /x }
`;
const intent = intentOf({
  'mesh.yaml': meshFile,
  'services/web.yaml': serviceFile('web'),
  'services/cart.yaml': serviceFile('cart'),
  'services/pay.yaml': serviceFile('pay', rules),
});
const pay = intent.services.get('pay' as ServiceName);
assert.ok(pay !== undefined);
const { trustDomain } = intent.mesh;

const flow = (caller: string, method: string, path: string, rule: string): Flow => ({
  ...{ caller: `spiffe://${trustDomain}/${caller}`, method, path, rule },
  ...{ verdict: 'allow', requests: 2, firstMs: 1, lastMs: 2 },
});

describe('rules from recorded traffic', () => {
  it('what came in by a grant of break-glass is let in for good by nobody', () => {
    const flows = [
      flow('web', 'GET', '/a', 'read'),
      flow('cart', 'DELETE', '/all', 'breakglass-4f2a91c0'),
    ];
    const found = suggestRules(pay, trustDomain, { flows, tests: [] });
    assert.deepEqual(
      [found.rules.map(({ from, to }) => [from, to]), found.requests],
      [[[['web'], ['GET /a']]], 2],
    );
  });

  it('let in each reading of what came in', () => {
    const flows = [
      flow('web', 'GET', '/projects/group%2Fproject', 'read'),
      flow('web', 'GET', '/orders/7;*', 'read'),
    ];
    const found = suggestRules(pay, trustDomain, { flows, tests: [] });
    assert.deepEqual(
      found.rules.map(({ to }) => to),
      [['GET /orders/*', 'GET /projects/*', 'GET /projects/group/project']],
    );
  });

  it('let in what came in, each caller what it sent, under the words of the rule that let it in', () => {
    const flows = [
      flow('web', 'GET', '/a/*', 'read'),
      flow('cart', 'GET', '/a/*', 'read'),
      flow('web', 'GET', '/b', 'read'),
      flow('web', 'POST', '/c/**', 'write'),
      flow('web', 'POST', '/c/d', 'write'),
      flow('web', 'GET', '/t', 'tenant'),
      { ...flow('cart', 'PUT', '/z', 'x'), verdict: 'deny' as const },
    ];
    const found = suggestRules(pay, trustDomain, { flows, tests: [] });
    assert.deepEqual(
      found.rules.map(({ from, to, of }) => [from, to, of?.id as string | undefined]),
      [
        [['cart', 'web'], ['GET /a/*'], 'read'],
        [['web'], ['GET /b'], 'read'],
        [['web'], ['POST /c/**'], 'write'],
      ],
    );
    assert.deepEqual(
      found.kept.map(({ id }) => id as string),
      ['tenant'],
    );
    assert.deepEqual(
      found.dropped.map(({ id }) => id as string),
      ['never'],
    );
    assert.equal(found.requests, 12);
  });

  it('let in what a test of the service expects, also when nobody asked for it, and name what a rule can name', () => {
    const tests = [{ from: 'cart', method: 'DELETE', path: '/x', rule: 'never' }];
    const flows = [flow('web', 'GET', '/a b/c', 'read')];
    const found = suggestRules(pay, trustDomain, { flows, tests });
    assert.deepEqual(
      found.rules.map(({ to }) => to),
      [['GET /*/c'], ['DELETE /x']],
    );
    assert.deepEqual(
      found.dropped.map(({ id }) => id as string),
      ['write'],
    );
  });
});

describe('a suggested rule', () => {
  const suggested = (...flows: readonly Flow[]) =>
    suggestRules(pay, trustDomain, { flows, tests: [] }).rules.map(({ to }) => to);

  it('names the wider of two templates, and never nothing, which would be all of the service', () => {
    const [any, rest] = [flow('web', 'GET', '/c/*', 'read'), flow('web', 'GET', '/c/**', 'read')];
    assert.deepEqual(suggested(any, rest), [['GET /c/**']]);
    assert.deepEqual(suggested(rest, any), [['GET /c/**']]);
  });

  it('has any method where no rule can name it, and the rest of a path that is too long for one', () => {
    const all = serviceFile('pay', 'allow:\n  - { id: all, from: web, to: "* /**" }\n');
    const open = intentOf({
      ...{ 'mesh.yaml': meshFile, 'services/web.yaml': serviceFile('web') },
      'services/pay.yaml': all,
    }).services.get('pay' as ServiceName);
    assert.ok(open);
    const flows = [flow('web', 'M-SEARCH', '/a', 'all')];
    const { rules } = suggestRules(open, trustDomain, { flows, tests: [] });
    assert.deepEqual(
      rules.map(({ to }) => to),
      [['* /a']],
    );
    const long = `/a/${'b'.repeat(1_000)}/${'c'.repeat(1_000)}`;
    assert.deepEqual(suggested(flow('web', 'GET', long, 'read')), [
      [`GET /a/${'b'.repeat(1_000)}/**`],
    ]);
  });

  it('lets in no more than the rules do now, whatever a template stands for', () => {
    const narrow = `allow:
  - { id: one, from: web, to: ["GET /charges/17", "GET /orders/*/lines"] }
  - { id: other, from: [web, cart], to: "GET /charges/18" }
`;
    const service = intentOf({
      ...{ 'mesh.yaml': meshFile, 'services/web.yaml': serviceFile('web') },
      ...{ 'services/cart.yaml': serviceFile('cart') },
      'services/pay.yaml': serviceFile('pay', narrow),
    }).services.get('pay' as ServiceName);
    assert.ok(service);
    const flows = [
      flow('web', 'GET', '/charges/*', 'one'),
      // Of too many templates the first segment is kept.
      flow('web', 'GET', '/orders/**', 'one'),
      // The rule is not about this caller any more.
      flow('cart', 'GET', '/charges/*', 'one'),
    ];
    const found = suggestRules(service, trustDomain, { flows, tests: [] });
    assert.deepEqual(
      found.rules.map(({ from, to, of }) => [from, to, of?.id as string | undefined]),
      [
        [['web'], ['GET /charges/17', 'GET /orders/*/lines'], 'one'],
        [['cart'], ['GET /charges/18'], 'other'],
      ],
    );
  });

  it('does not let in by name whom a role lets in as a person', () => {
    const { web, ...others } = {
      web: serviceFile('web'),
      pay: 'allow:\n  - { id: r, from: role:desk }\n',
    };
    const keys =
      '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}';
    const issuers = `issuers: { login: { issuer: https://login.test, audience: shop, person: email, jwks: '${keys}' } }\n`;
    const of = intentOf({
      'mesh.yaml': `${meshFile}${issuers}roles: { desk: ["person:alice"] }\n`,
      'services/web.yaml': web,
      'services/pay.yaml': serviceFile('pay', others.pay),
    }).services.get('pay' as ServiceName);
    assert.ok(of);
    const found = suggestRules(of, trustDomain, {
      flows: [flow('web', 'GET', '/x', 'r')],
      tests: [],
    });
    assert.deepEqual([found.rules, found.kept.map(({ id }) => `${id}`)], [[], ['r']]);
  });
});

describe('traffic of before', () => {
  it('counts where the rules of now let it in by who and what, and not where they were tightened', () => {
    const may = (caller: string, method: string, path: string) =>
      mayComeIn(policyDocument(intent), 'pay')(flow(caller, method, path, 'gone'));
    assert.equal(may('web', 'POST', '/c/*'), true);
    assert.equal(may('web', 'POST', '/**'), true);
    assert.equal(may('cart', 'POST', '/c'), false);
    assert.equal(may('gone', 'GET', '/c'), false);
  });
});

describe('rules without traffic', () => {
  it('are unused only where they are known for as long as it is asked, and all was recorded', () => {
    const uses = [
      { rule: 'read', knownMs: 0, requests: 3, lastMs: 50 },
      { rule: 'write', knownMs: 0, requests: 0 },
      { rule: 'tenant', knownMs: 90, requests: 0 },
    ];
    const told = { service: 'pay', sinceMs: 0, isPartial: false, flows: [], rules: uses };
    const kinds = (isPartial: boolean) =>
      ruleStandings(intent, [{ ...told, isPartial }], 10).map(({ standing }) => standing.kind);
    assert.deepEqual(kinds(false), ['used', 'unused', 'cannot be told', 'cannot be told']);
    assert.equal(kinds(true)[1], 'cannot be told');
  });
});
