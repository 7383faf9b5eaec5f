import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asItStands } from './contained.ts';
import { parseIntent } from './parse.ts';
import type { Service, ServiceName } from './types.ts';

const mesh = 'mesh: m\ntrust_domain: m.test\n';
const service = (name: string, port: number, more = ''): string =>
  `service: ${name}\nowner: team\nprotocol: http\nport: ${port}\n${more}`;
const keys = JSON.stringify({
  keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
});
const allowing = 'allow:\n  - { id: ok, from: b, to: GET /x }\n';

function carriedOf(given: { mesh?: string; a?: string; b?: string }) {
  const files = new Map([
    ['mesh.yaml', `${mesh}${given.mesh ?? ''}`],
    ['services/a.yaml', service('a', 9_001, given.a ?? allowing)],
    ['services/b.yaml', given.b ?? service('b', 9_002)],
  ]);
  const { intent, carried } = parseIntent(files);
  assert.equal(intent, undefined, 'there is no error in it');
  const of = (name: string): Service | undefined =>
    carried?.intent.services.get(name as ServiceName);
  return {
    carried,
    a: of('a'),
    b: of('b'),
    said: carried?.errors.map(({ meanwhile }) => meanwhile),
  };
}

describe('what is carried of a commit that ran', () => {
  it('is all of it where what is written is understood', () => {
    const { a, said } = carriedOf({ a: `${allowing}limits: { requests: 1/s }\n` });
    assert.deepEqual(
      a?.allow.map(({ id }) => id),
      ['ok'],
    );
    assert.deepEqual(said, [asItStands]);
  });

  it('is nothing of a service that has a field that is not known, but for its denials', () => {
    const { a, said } = carriedOf({ a: `${allowing}deny:\n  - { from: b }\nsealed: true\n` });
    assert.deepEqual([a?.allow.length, a?.deny.length], [0, 1]);
    assert.deepEqual(said, ['the service allows nothing']);
  });

  it('of a denial that says nothing that is understood is one of everything by everybody', () => {
    for (const deny of ['deny: everybody\n', 'deny: []\n', 'deny:\n  - all\n']) {
      const [rule] = carriedOf({ a: `${allowing}${deny}` }).a?.deny ?? [];
      assert.deepEqual(rule?.from, [{ kind: 'any' }], deny);
      assert.equal(rule?.conditions, undefined);
      assert.equal(rule?.mode, 'enforce');
    }
  });

  it('leaves a service out that cannot be read, and denies everybody where it was denied', () => {
    const a = `${allowing}deny:\n  - { from: b, to: GET /y }\n`;
    const { carried, a: left, b, said } = carriedOf({ a, b: 'service: [' });
    assert.equal(b, undefined);
    assert.deepEqual(left?.allow, []);
    assert.deepEqual(left?.deny[0]?.from, [{ kind: 'any' }]);
    assert.ok(said?.some((text) => text.startsWith('the service is left out')));
    assert.equal(carried?.errors.length, 3);
  });

  it('takes nobody for a service by fewer selectors than were written', () => {
    const { a } = carriedOf({
      a: 'identity: { unix: { user: a, seal: x }, host: { name: h, rack: r } }\n',
    });
    assert.ok(a?.identity.selectors.some(({ kind }) => kind === 'unix:not understood'));
    assert.ok(a?.identity.hostSelectors.some(({ kind }) => kind === 'host:not understood'));
    const own = carriedOf({ a: 'identity: { unix: { user: a, seal: x } }\n' }).a?.identity;
    assert.deepEqual(own?.hostSelectors, []);
  });

  it('leaves out a route that is not understood, and keeps the others', () => {
    const routes = 'routes:\n  - { match: { region: eu }, to: v1 }\n  - { id: rest, to: v1 }\n';
    const { a } = carriedOf({ a: `${allowing}${routes}run: node a.ts\n` });
    assert.deepEqual(
      a?.routes.map(({ id }) => id),
      ['rest'],
    );
    assert.equal(a?.allow.length, 1);
  });

  it('lets nobody in, and nobody grant, by a part of mesh.yaml that is not understood', () => {
    const { carried, a } = carriedOf({
      mesh: 'hosts: { join_token: { max_ttl: 1h, seal: x } }\nbreakglass: { approvals: 3 }\noperators: { owners: [a] }\n',
    });
    const { hosts, breakglass, operators } = carried?.intent.mesh ?? {};
    assert.deepEqual([hosts?.joinToken.ttlSecondsMax, hosts?.rejoinSecondsMax], [1, 1]);
    assert.deepEqual(breakglass?.who, []);
    assert.equal(operators?.size, 0);
    assert.equal(a?.allow.length, 1, 'the rest is as it was');
  });

  it('holds no condition for true or false that may read what is not understood', () => {
    const when = `when: '!("red" in source.roles)'`;
    const a = `allow:\n  - { from: b, ${when} }\n  - { id: ok, from: b }\ndeny:\n  - { from: b, ${when} }\n`;
    const { a: left } = carriedOf({ mesh: 'roles: { red: [role:none] }\n', a });
    assert.deepEqual(
      left?.allow.map(({ id }) => id),
      ['ok'],
    );
    assert.equal(left?.deny[0]?.conditions, undefined);
  });

  it('denies without a token what was denied with one, where an issuer is not believed', () => {
    const a = `${allowing}deny:\n  - { from: b, token: { scopes: [x] } }\n`;
    const issuer = `{ issuer: 'https://l.test', audience: m, jwks: '${keys}', max_age: 1h }`;
    const { carried, a: left } = carriedOf({ mesh: `issuers: { login: ${issuer} }\n`, a });
    assert.equal(carried?.intent.mesh.issuers.size, 0);
    assert.equal(left?.deny[0]?.conditions, undefined);
  });

  it('is nothing where mesh.yaml has a field that is not known, or cannot be read', () => {
    for (const more of ['lockdown: true\n', 'roles: [\n'])
      assert.equal(carriedOf({ mesh: more }).carried, undefined);
  });
});
