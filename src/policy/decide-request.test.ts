import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize } from './canonical.ts';
import { compilePolicy } from './compiled-policy.ts';
import { documentOf, policyOf, sent } from './decide-conditional.fixture.ts';
import { decideRequest } from './decide-request.ts';
import type { Decision } from './decision.ts';

const allows = `allow:
  - { id: post, from: cart, to: "POST /**" }
  - { id: remove, from: cart, to: "DELETE /**" }
`;
const others = [{ method: 'DELETE', path: '/a', because: 'the query asks for another method' }];

function decided(policy: ReturnType<typeof policyOf>): Decision {
  const caller = { trustDomain: 'acme', name: 'cart' };
  const action = { kind: 'http', method: 'POST', path: '/a' } as const;
  return decideRequest(policy, { caller, callee: 'payments', action, facts: sent }, others);
}

test('what goes through by a grant in one of its readings is named by that, for its record', () => {
  const document = documentOf(allows);
  const granted = compilePolicy({
    ...document,
    services: document.services.map((service) => ({
      ...service,
      rules: service.rules.map((rule) =>
        rule.id === 'remove' ? { ...rule, at: { file: 'breakglass:ab12', line: 1 } } : rule,
      ),
    })),
  });
  const decision = decided(granted);
  assert.equal(decision.kind === 'allow' && decision.rule.at.file, 'breakglass:ab12');
  const plain = decided(policyOf(allows));
  assert.equal(plain.kind === 'allow' && plain.rule.id, 'post');
});

test('a condition on the path is asked about each reading of it', () => {
  const denial = `deny:
  - { id: slashed, from: cart, when: 'request.path == "/a/b"' }
`;
  const request = (path: string): string => {
    const read = canonicalize({
      ...{ principal: 'spiffe://acme/cart', method: 'POST', host: 'payments', headers: [], path },
    });
    if (!read.ok || read.value.caller === undefined) return 'no reading';
    const { caller, others } = read.value;
    const action = { kind: 'http', method: 'POST', path: read.value.path } as const;
    const asked = { caller, callee: 'payments', action, facts: sent };
    const decision = decideRequest(policyOf(`${allows}${denial}`), asked, others);
    return decision.kind === 'deny' ? decision.code : decision.kind;
  };
  for (const path of ['/a%2Fb', '/a/b;c', '/a;c/b', '/a%2Fb;c']) {
    assert.equal(request(path), 'CH2130', path);
  }
  assert.equal(request('/a/b'), 'CH2102');
  assert.equal(request('/a%2Fc;b'), 'allow');
});

test('a rule in audit and a fault are told of whichever reading they are about', () => {
  const denials = `deny:
  - { id: heard, from: cart, to: "DELETE /**", mode: audit }
  - { id: broken, from: cart, to: "DELETE /**", when: 'request.headers["x"] == "1"', mode: audit }
`;
  const { noted, kind } = decided(policyOf(`${allows}${denials}`));
  assert.equal(kind, 'allow');
  assert.deepEqual(
    [noted?.audits.map(({ id }) => `${id}`), noted?.faults.map(({ rule }) => `${rule.id}`)],
    [['heard'], ['broken']],
  );
});

test('a denial of another reading keeps what is to be said of it', () => {
  const denials = `deny:
  - { id: heard, from: cart, to: "POST /**", mode: audit }
  - { id: never, from: cart, to: "DELETE /**", when: 'request.headers["x"] == "1"' }
`;
  const decision = decided(policyOf(`${allows}${denials}`));
  assert.equal(decision.kind === 'deny' && decision.code, 'CH2130');
  assert.deepEqual(
    [
      decision.noted?.audits.map(({ id }) => `${id}`),
      decision.noted?.faults.map(({ rule }) => `${rule.id}`),
    ],
    [['heard'], ['never']],
  );
});
