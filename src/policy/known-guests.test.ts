import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIntent } from '../model/parse.ts';
import { compilePolicy } from './compiled-policy.ts';
import { decide } from './decide.ts';
import { policyDocument } from './document.ts';
import { noToken, nothingKnown, type TokenStanding } from './facts.ts';

const keys = JSON.stringify({
  keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
});
const all = 'spiffe://partner.test/**';
const ann = 'person:login/ann';

function policyOf(rules: readonly object[], elsewhere: readonly object[], deny?: object) {
  const peer = { endpoint: 'https://bundle.partner.test/', profile: 'https_web' };
  const mesh = {
    ...{ mesh: 'm', trust_domain: 'm.test', peers: { 'partner.test': peer } },
    roles: { idle: ['spiffe://partner.test/desk'], support: ['spiffe://partner.test/lead'] },
    issuers: {
      login: { issuer: 'https://login.test', audience: 'm', person: 'sub', jwks: keys },
    },
  };
  const service = (name: string, port: number, allow: readonly object[], more: object = {}) =>
    [
      `services/${name}.yaml`,
      JSON.stringify({ service: name, owner: 'us', protocol: 'http', port, allow, ...more }),
    ] as const;
  const { intent, findings } = parseIntent(
    new Map([
      ['mesh.yaml', JSON.stringify(mesh)],
      service('other', 7_001, elsewhere),
      service('vault', 7_002, rules, deny === undefined ? {} : { deny: [deny] }),
    ]),
  );
  assert.ok(intent !== undefined, JSON.stringify(findings));
  return compilePolicy(policyDocument(intent));
}

const annsToken: TokenStanding = {
  kind: 'valid',
  token: {
    ...{ issuerName: 'login', issuer: 'https://login.test', subject: 'ann', person: 'ann' },
    ...{ audiences: ['m'], scopes: [], claims: {}, expiresMs: 2e12 },
  },
};

function ask(policy: ReturnType<typeof policyOf>, name: string, token = annsToken): string {
  const decision = decide(policy, {
    ...{ caller: { trustDomain: 'partner.test', name }, callee: 'vault' },
    action: { kind: 'http', method: 'GET', path: '/x' },
    facts: { ...nothingKnown, headers: [], token },
  });
  return decision.kind === 'deny' ? decision.code : decision.kind;
}

describe('a guest with the token of a person', () => {
  it('is let in where a rule names it: by itself, by all of its trust domain, or by a role', () => {
    for (const [from, name] of [
      ['spiffe://partner.test/desk', 'desk'],
      [all, 'desk'],
      ['role:support', 'lead'],
    ] as const) {
      const policy = policyOf([{ from: ann }, { from, to: 'GET /else' }], [{ from: 'vault' }]);
      assert.equal(ask(policy, name), 'allow', from);
      assert.equal(ask(policy, name, noToken), 'CH2101', from);
    }
  });

  it('is nobody where only another service, or a role that no rule names, has it', () => {
    const policy = policyOf(
      [{ from: ann }, { from: 'role:support', to: 'GET /else' }],
      [{ from: all }],
    );
    assert.equal(ask(policy, 'desk'), 'CH2105');
    assert.equal(ask(policy, 'lead'), 'allow');
  });

  it('is kept out by a denial for everybody, named or not', () => {
    const deny = { from: '*', to: 'GET /x' };
    assert.equal(ask(policyOf([{ from: ann }], [{ from: all }], deny), 'desk'), 'CH2102');
    assert.equal(
      ask(policyOf([{ from: ann }, { from: all }], [{ from: all }], deny), 'desk'),
      'CH2102',
    );
  });
});
