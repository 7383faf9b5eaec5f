import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { documentOf } from '../policy/decide-conditional.fixture.ts';
import type { PolicyDocument, PolicyIssuer } from '../policy/document.ts';
import type { Flow } from '../policy/flow.ts';
import { flowDiff } from './flow-diff.ts';
import { policySpaceDiff } from './policy-space.ts';

const login = (document: PolicyDocument, more: Partial<PolicyIssuer>): PolicyDocument => ({
  ...document,
  issuers: (document.issuers ?? []).map((issuer) => ({ ...issuer, ...more })),
});
const told = (document: PolicyDocument, more: Partial<PolicyIssuer>): readonly string[] =>
  policySpaceDiff(document, login(document, more)).issuers.flatMap(({ callees, parts }) =>
    parts.map(({ what }) => `${what} for ${callees}`),
  );

const readers: Readonly<Record<string, string>> = {
  'a token': 'allow:\n  - { from: cart, token: { scopes: [read] } }\n',
  'a token of it': 'allow:\n  - { from: cart, token: { issuer: login } }\n',
  'a condition that reads one': 'allow:\n  - { from: cart, when: "has(token)" }\n',
  'a field of one in a macro':
    'allow:\n  - { from: cart, when: \'[1].exists(x, token.subject == "u")\' }\n',
  'a person': 'deny:\n  - { from: "person:bob@acme.test" }\n',
  'a person as it calls him': 'allow:\n  - { from: "person:login/bob@acme.test" }\n',
  'a person in a role': 'allow:\n  - { from: role:support }\n',
};

const flow = (more: Partial<Flow> = {}): Flow => ({
  ...{ caller: 'spiffe://acme/cart', method: 'GET', path: '/v1/charges', verdict: 'allow' },
  ...{ requests: 7, firstMs: 1, lastMs: 2, ...more },
});
const effects = (before: PolicyDocument, after: PolicyDocument, ...flows: readonly Flow[]) =>
  flowDiff(before, after, [
    { service: 'payments', sinceMs: 0, isPartial: false, rules: [], flows },
  ]).map(({ effect }) => effect);

describe('an issuer that is believed otherwise', () => {
  it('is told with the services whose rules look at its tokens', () => {
    for (const [what, rules] of Object.entries(readers)) {
      const document = documentOf(rules);
      assert.deepEqual(
        told(document, { audiences: ['shop', 'all'] }),
        ['audiences for payments'],
        what,
      );
      assert.deepEqual(told(document, { personClaim: 'name' }), ['person for payments'], what);
      assert.deepEqual(told(document, { jwks: '{"keys":[]}' }), ['keys for payments'], what);
      const gone = policySpaceDiff(document, { ...document, issuers: [] });
      assert.equal(gone.issuers.length, 1, what);
    }
  });

  it('is not where nothing looks at tokens, or where its keys only stand in another order', () => {
    const plain = documentOf('allow:\n  - { from: reports, to: { headers: { x-a: "1" } } }\n');
    assert.deepEqual(told(plain, { audiences: ['all'] }), []);
    const document = documentOf('allow:\n  - { from: cart, token: { scopes: [read] } }\n');
    const { keys } = JSON.parse(document.issuers?.[0]?.jwks ?? '') as { keys: object[] };
    const turned = keys.map((key) => Object.fromEntries(Object.entries(key).toReversed()));
    assert.deepEqual(told(document, { jwks: JSON.stringify({ keys: turned }, null, 2) }), []);
  });

  it('makes traffic uncertain that hung on its tokens, and no other', () => {
    for (const [what, rules] of Object.entries(readers)) {
      const document = documentOf(rules);
      const after = login(document, { jwks: '{"keys":[]}' });
      assert.deepEqual(effects(document, document, flow()), ['unchanged'], what);
      // Nothing lets it in there, whoever sends it.
      const hangs = rules.includes('allow') ? 'uncertain' : 'unchanged';
      assert.deepEqual(effects(document, after, flow()), [hangs], what);
      const plain = documentOf(
        `${rules.includes('allow') ? rules : `${rules}allow:\n`}  - { from: reports }\n`,
      );
      const other = flow({ caller: 'spiffe://acme/reports' });
      const expected = what === 'a person' ? 'uncertain' : 'unchanged';
      assert.deepEqual(effects(plain, login(plain, { audiences: ['all'] }), other), [expected]);
    }
  });
});
