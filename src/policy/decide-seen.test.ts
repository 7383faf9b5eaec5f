import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIntent } from '../model/parse.ts';
import { compilePolicy } from './compiled-policy.ts';
import { decideSeen, type SeenVerdict } from './decide-seen.ts';
import { policyDocument } from './document.ts';

const file = (name: string, rules: string): string =>
  `service: ${name}\nowner: t\nprotocol: http\nport: ${name === 'web' ? 8080 : 8081}\n${rules}`;

function policyOf(rules: string) {
  const files = new Map([
    ['mesh.yaml', `mesh: acme\ntrust_domain: acme.test\nissuers: { login: ${login} }\n`],
    ['services/web.yaml', file('web', '')],
    ['services/pay.yaml', file('pay', rules)],
  ]);
  const { intent, findings } = parseIntent(files);
  assert.ok(intent, JSON.stringify(findings));
  return compilePolicy(policyDocument(intent));
}

const keys = JSON.stringify({
  keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
});
const login = `{ issuer: https://login.test, audience: shop, person: email, jwks: '${keys}' }`;
const byTenant = '{ id: tenant, from: web, to: { request: GET /**, headers: { x-tenant: acme } } }';
const noDebug = '{ id: no-debug, from: "*", to: { request: "* /**", headers: { x-debug: "on" } } }';
const plain = '{ id: plain, from: web, to: GET /** }';

function decided(live: string, shadow: string, seen: SeenVerdict): string {
  const caller = { trustDomain: 'acme.test', name: 'web' };
  const action = { kind: 'http' as const, method: 'GET', path: '/x' };
  const policies = { live: policyOf(live), shadow: policyOf(shadow) };
  const decision = decideSeen(policies, { caller, callee: 'pay', action }, seen);
  return decision.kind === 'depends' ? `depends on ${decision.on.join()}` : decision.kind;
}

const allowed = (rule: string): SeenVerdict => ({ verdict: 'allow', rule });
const denied = (rule: string): SeenVerdict => ({ verdict: 'deny', rule });

describe('what a policy says of a request whose headers nobody wrote down', () => {
  it('depends where it looks at them', () => {
    const found = decided(`allow: [${plain}]\n`, `allow: [${byTenant}]\n`, allowed('plain'));
    assert.equal(found, 'depends on header x-tenant');
  });

  it('a condition that let it in before holds; one that looks for something else need not', () => {
    const live = `allow: [${byTenant}]\n`;
    assert.equal(decided(live, live, allowed('tenant')), 'allow');
    const other = live.replace('acme', 'umbrella');
    assert.equal(decided(live, other, allowed('tenant')), 'depends on header x-tenant');
    const narrower = live.replace('from: web', 'from: "*"');
    assert.equal(decided(live, narrower, allowed('tenant')), 'allow');
  });

  it('a condition that would have kept it out does not hold, one that is new may', () => {
    const live = `allow: [${plain}]\ndeny: [${noDebug}]\n`;
    assert.equal(decided(live, live, allowed('plain')), 'allow');
    const fresh = decided(`allow: [${plain}]\n`, live, allowed('plain'));
    assert.equal(fresh, 'depends on header x-debug');
    const wider = live.replace('* /**', '* /admin/**');
    assert.equal(decided(wider, live, allowed('plain')), 'depends on header x-debug');
  });

  it('where both may hold, one that is new keeps it open', () => {
    const live = `allow: [${byTenant}]\n`;
    const both = `${live}deny: [${noDebug}]\n`;
    assert.match(decided(live, both, allowed('tenant')), /^depends/);
    assert.equal(decided(both, both, allowed('tenant')), 'allow');
  });

  it('a rule that is new may keep out whoever was behind it', () => {
    const live = `allow: [${plain}]\ndeny: [${noDebug}]\n`;
    const notAlice = '{ id: not-alice, from: "person:alice", to: GET /x }';
    const shadow = `allow: [${plain}]\ndeny: [${noDebug}, ${notAlice}]\n`;
    assert.equal(decided(live, shadow, allowed('plain')), 'depends on header x-debug,token');
    const elsewhere = shadow.replace('GET /x', 'GET /y');
    assert.equal(decided(live, elsewhere, allowed('plain')), 'allow');
  });

  it('what kept it out still does', () => {
    const live = `allow: [${plain}]\ndeny: [${noDebug}]\n`;
    assert.equal(decided(live, live, denied('no-debug')), 'deny');
    assert.equal(decided(live, `allow: [${plain}]\n`, denied('no-debug')), 'allow');
  });

  it('attributes may be others, so that a condition in CEL is not taken to hold', () => {
    const live = `allow: [{ id: cel, from: web, to: GET /**, when: 'request.headers["a"] == "b"' }]\n`;
    assert.match(decided(live, live, allowed('cel')), /^depends/);
  });
});
