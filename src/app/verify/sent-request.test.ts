import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WhyQuestion } from '../../explain/why.ts';
import { parseIntent } from '../../model/parse.ts';
import type { Intent } from '../../model/types.ts';
import { compilePolicy } from '../../policy/compiled-policy.ts';
import { policyDocument } from '../../policy/document.ts';
import { noToken, nothingKnown, type RequestFacts, type TokenFacts } from '../../policy/facts.ts';
import { issuer } from '../../tokens/token.fixture.ts';
import { policyTokens } from '../../tokens/token-verifier.ts';
import { factsSent, type SentRequest, sentRequest } from './sent-request.ts';

const nowMs = Date.UTC(2027, 0, 15);

function service(name: string, protocol: string, more = ''): [string, string] {
  const text = `service: ${name}\nowner: us\nprotocol: ${protocol}\nport: ${7_001 + name.length}\n${more}`;
  return [`services/${name}.yaml`, text];
}

function intentOf(): Intent {
  const mesh = `mesh: acme
trust_domain: acme.test
issuers: { login: { issuer: ${issuer.issuer}, audience: shop, jwks: '${issuer.jwks}' } }
`;
  const rule = 'allow: [{ id: a, from: web, token: { issuer: login } }]\n';
  const files = [service('web', 'http'), service('orders', 'http', rule), service('stock', 'grpc')];
  const { intent, findings } = parseIntent(new Map([['mesh.yaml', mesh], ...files]));
  assert.ok(intent, JSON.stringify(findings));
  return intent;
}

function sent(facts: Partial<RequestFacts>, to = 'orders', bearer?: string): SentRequest {
  const request = { method: 'GET', path: '/x?y=1' };
  const question: WhyQuestion = {
    ...{ from: 'web', to, request },
    facts: { ...nothingKnown, host: to, ...facts },
  };
  return sentRequest(intentOf(), question, { nowMs, bearer });
}

const token: TokenFacts = {
  ...{ issuerName: 'login', issuer: issuer.issuer, subject: 'u-1', person: undefined },
  ...{ audiences: ['shop'], scopes: ['read'], claims: { tier: 3 }, expiresMs: 0 },
};

describe('a question as a request that is sent', () => {
  it('lacks what is not known, and says so', () => {
    const { without, headers, address, timeMs } = sent({});
    assert.deepEqual(without, ['headers', 'a token']);
    assert.deepEqual(headers, [['x-request-id', 'verify']]);
    assert.deepEqual([address, timeMs], ['127.0.0.1', nowMs]);
    const known = sent({ headers: [['x-request-id', 'mine']], token: noToken, timeMs: 5 });
    assert.deepEqual(known.without, []);
    assert.deepEqual([known.headers, known.timeMs], [[['x-request-id', 'mine']], 5]);
    assert.deepEqual(sent({ headers: [], moreHeaders: true }).without[0], 'further headers');
  });

  it('comes from loopback only', () => {
    assert.equal(sent({ address: '127.9.0.1' }).address, '127.9.0.1');
    const far = sent({ address: '10.0.0.1' });
    assert.deepEqual([far.address, far.otherwise.length], ['127.0.0.1', 1]);
  });

  it('has claims signed with a key that its own policy believes, and no other', () => {
    const { intent, headers, signedFor, otherwise } = sent({ token: { kind: 'valid', token } });
    assert.deepEqual([signedFor, otherwise], ['login', []]);
    const standing = policyTokens(compilePolicy(policyDocument(intent)))(headers, nowMs);
    assert.ok(standing.kind === 'valid', JSON.stringify(standing));
    const { subject, audiences, scopes, claims } = standing.token;
    assert.deepEqual([subject, audiences, scopes], ['u-1', ['shop'], ['read']]);
    assert.equal(claims['tier'], 3);
    const real = policyTokens(compilePolicy(policyDocument(intentOf())))(headers, nowMs);
    assert.equal(real.kind, 'invalid');
  });

  it('has a token as it is, unless the headers have one', () => {
    const valid = { kind: 'valid', token } as const;
    const asIs = sent({ token: valid }, 'orders', 'a.b.c');
    assert.deepEqual(asIs.headers.at(-1), ['authorization', 'Bearer a.b.c']);
    assert.equal(asIs.signedFor, undefined);
    const both = sent(
      { token: valid, headers: [['authorization', 'Basic eA']] },
      'orders',
      'a.b.c',
    );
    assert.deepEqual(both.headers.at(-1), ['authorization', 'Basic eA']);
    assert.equal(both.otherwise.length, 1);
  });

  it('is marked as gRPC for a callee that speaks it', () => {
    const names = sent({}, 'stock').headers.map(([name]) => name);
    assert.deepEqual(names, ['x-request-id', 'content-type', 'te']);
  });

  it('is seen by rules with the lines that the proxy adds', () => {
    const one = sent({ headers: [['x-forwarded-for', '9.9.9.9']] });
    const facts = factsSent(one, '/x?y=1', noToken);
    assert.deepEqual([facts.query, facts.id, facts.scheme], ['y=1', 'verify', 'https']);
    assert.deepEqual(facts.headers, [
      ['x-request-id', 'verify'],
      ['x-forwarded-for', '9.9.9.9,127.0.0.1'],
      ['x-forwarded-proto', 'https'],
    ]);
  });
});
