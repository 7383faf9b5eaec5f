import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIntent } from '../model/parse.ts';
import { issuer } from '../tokens/token.fixture.ts';
import { decidedOtherwise } from './decided-otherwise.ts';
import { type PolicyDocument, policyDocument } from './document.ts';

interface Said {
  readonly rule?: string;
  readonly tier?: number;
  readonly members?: string;
  readonly person?: string;
  readonly jwks?: string;
}

const when = ', when: "source.tier == 1"';
const token = ', token: { issuer: login }';

function documentOf({ rule = '', tier = 1, members = 'web', person, jwks }: Said): PolicyDocument {
  const login = `issuer: ${issuer.issuer}, audience: shop, person: ${person ?? 'sub'}`;
  const mesh = [
    'mesh: shop',
    'trust_domain: shop.test',
    'attributes: { tier: int }',
    `roles: { callers: [${members}], people: ["person:alice"] }`,
    `issuers: { login: { ${login}, jwks: '${jwks ?? issuer.jwks}' } }`,
  ];
  const service = (name: string, port: number, more: readonly string[]) =>
    [
      `services/${name}.yaml`,
      [`service: ${name}`, 'owner: us', 'protocol: http', `port: ${port}`, ...more].join('\n'),
    ] as const;
  const { intent, findings } = parseIntent(
    new Map([
      ['mesh.yaml', mesh.join('\n')],
      service('web', 80, [`attributes: { tier: ${tier} }`]),
      service('batch', 81, []),
      service('api', 82, ['allow:', `  - { id: r, from: web, to: GET /**${rule} }`]),
      service('store', 83, ['allow:', `  - { id: r, from: "role:callers", to: GET /**${rule} }`]),
      service('desk', 84, ['allow:', '  - { id: r, from: "role:people", to: GET /** }']),
      service('plain', 85, ['allow:', '  - { id: r, from: web, to: GET /** }']),
    ]),
  );
  assert.ok(intent, JSON.stringify(findings));
  return policyDocument(intent);
}

function touched(before: Said, after: Said): readonly string[] {
  return [...decidedOtherwise(documentOf(before), documentOf(after))].sort();
}

describe('the services of which a desk may decide otherwise', () => {
  it('are none where the same is said', () => {
    assert.deepEqual(touched({ rule: when }, { rule: when }), []);
  });

  it('are those with another condition, also where the proxy asks about each', () => {
    const other = ', when: "source.tier == 2"';
    assert.deepEqual(touched({ rule: when }, { rule: other }), ['api', 'store']);
  });

  it('are those with a condition whose callers say other things of themselves', () => {
    assert.deepEqual(touched({ rule: when }, { rule: when, tier: 2 }), ['api', 'store', 'web']);
    assert.deepEqual(touched({}, { tier: 2 }), ['web']);
  });

  it('are those that name a role with other members, and with a condition all', () => {
    assert.deepEqual(touched({}, { members: 'web, batch' }), ['store']);
    const both = touched({ rule: when }, { rule: when, members: 'web, batch' });
    assert.deepEqual(both, ['api', 'store']);
  });

  it('are those that look at tokens, where an issuer has other keys or names people otherwise', () => {
    const keys = JSON.stringify({ keys: JSON.parse(issuer.jwks).keys.slice(0, 1) });
    assert.deepEqual(touched({ rule: token }, { rule: token, jwks: keys }), [
      'api',
      'desk',
      'store',
    ]);
    assert.deepEqual(touched({}, { person: 'email' }), ['desk']);
  });

  it('are not those whose rules only stand on other lines', () => {
    const before = documentOf({ rule: when });
    const moved: PolicyDocument = {
      ...before,
      services: before.services.map((service) => ({
        ...service,
        rules: service.rules.map((rule) => ({ ...rule, at: { file: 'other.yaml', line: 99 } })),
      })),
    };
    assert.deepEqual([...decidedOtherwise(before, moved)], []);
  });
});
