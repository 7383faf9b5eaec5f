import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Position } from '../base/finding.ts';
import { seeded } from '../base/seeded.fixture.ts';
import type { Intent, Rule, Service } from '../model/types.ts';
import { policyDocument } from './document.ts';
import { parsePolicyDocument } from './document-parse.ts';
import { sketchPolicy } from './policy.fixture.ts';
import { randomPolicy } from './random.fixture.ts';

function parse(change: (json: ReturnType<typeof plain>) => unknown) {
  const parsed = parsePolicyDocument(change(plain()));
  return parsed.ok ? 'ok' : parsed.error;
}

/** A fresh mutable copy each time. */
function plain() {
  const document = sketchPolicy({
    roles: { support: ['cart'] },
    services: { cart: [], payments: ['allow role:support GET /v1/charges/*'] },
  });
  return JSON.parse(JSON.stringify(document));
}

describe('a policy document over the wire', () => {
  test('comes back as it went, for random policies', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const document = randomPolicy(seeded(seed));
      const parsed = parsePolicyDocument(JSON.parse(JSON.stringify(document)));
      assert.deepEqual(parsed, { ok: true, value: document });
    }
  });
  test('of a later version is refused', () => {
    assert.match(
      parse((json) => ({ ...json, version: 4 })),
      /^\$\.version is none of 1, 2, 3/,
    );
  });
  test('with an unknown field in a rule is refused, since it could narrow the rule', () => {
    const error = parse((json) => {
      json.services[1].rules[0].when = 'false';
      return json;
    });
    assert.equal(error, '$.services[1].rules[0].when is not a known field');
  });
  test('with a rule for nobody is refused', () => {
    const error = parse((json) => {
      json.services[1].rules[0].from = [];
      return json;
    });
    assert.match(error, /rules\[0\]\.from does not have between 1 and/);
  });
  test('with a role that does not exist is refused', () => {
    const error = parse((json) => ({ ...json, roles: [] }));
    assert.equal(error, 'rule r1 of payments names a role that does not exist');
  });
  test('with "**" in the middle of a path is refused', () => {
    const error = parse((json) => {
      json.services[1].rules[0].to[0].path.segments = ['**', 'x'];
      return json;
    });
    assert.match(error, /path holds "\*\*" before its end$/);
  });
  test('with a service twice is refused', () => {
    const error = parse((json) => ({ ...json, services: [...json.services, json.services[0]] }));
    assert.equal(error, 'a service stands twice');
  });
  test('with two rules of one id is refused', () => {
    const error = parse((json) => {
      json.services[1].rules.push(json.services[1].rules[0]);
      return json;
    });
    assert.equal(error, 'two rules of payments have one id');
  });
  for (const value of [null, 1, 'x', [], {}, { version: 1 }, { __proto__: null }]) {
    test(`that is ${JSON.stringify(value)} is refused`, () => {
      assert.equal(parsePolicyDocument(value).ok, false);
    });
  }
});

describe('a policy document of an intent', () => {
  const at: Position = { file: 'services/b.yaml', line: 3, column: 5, length: 1 };
  const rule = (id: string, effect: 'allow' | 'deny') =>
    ({
      id,
      at,
      effect,
      from: [{ kind: 'role', role: 'support', services: ['a'], guests: [] }, { kind: 'any' }],
      to: [{ kind: 'connect' }],
      mode: 'enforce',
      description: undefined,
    }) as unknown as Rule;
  const service = (name: string) =>
    ({
      name,
      at: { ...at, file: `services/${name}.yaml` },
      protocol: 'tcp',
      attributes: new Map(),
      allow: [rule('z', 'allow'), rule('b', 'allow')],
      deny: [rule('m', 'deny')],
    }) as unknown as Service;
  const intent = (names: readonly string[]) =>
    ({
      mesh: {
        trustDomain: 'acme',
        roles: new Map([['support', ['a']]]),
        guests: new Map(),
        issuers: new Map(),
      },
      services: new Map(names.map((name) => [name, service(name)])),
    }) as unknown as Intent;

  test('is one that its reader takes', () => {
    const document = policyDocument(intent(['a', 'b']));
    const parsed = parsePolicyDocument(JSON.parse(JSON.stringify(document)));
    assert.deepEqual(parsed, { ok: true, value: document });
  });
  test('does not depend on the order of services, and sorts rules by id', () => {
    const document = policyDocument(intent(['b', 'a']));
    assert.equal(JSON.stringify(document), JSON.stringify(policyDocument(intent(['a', 'b']))));
    assert.deepEqual(
      document.services[0]?.rules.map(({ id, effect }) => [id, effect]),
      [
        ['b', 'allow'],
        ['m', 'deny'],
        ['z', 'allow'],
      ],
    );
  });
  test('names roles, and keeps their members once', () => {
    const document = policyDocument(intent(['a']));
    assert.deepEqual(document.roles, [{ name: 'support', services: ['a'] }]);
    assert.deepEqual(document.services[0]?.rules[0]?.from, [
      { kind: 'role', role: 'support' },
      { kind: 'any' },
    ]);
  });
});
