import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIntent } from './parse.ts';

const keys = JSON.stringify({
  keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
});

function filesFor(when: string, mesh: object = {}, more: readonly string[] = []) {
  const service = (name: string, at: number, rest: object = {}) =>
    [
      `services/${name}.yaml`,
      JSON.stringify({ service: name, owner: 'us', protocol: 'http', port: 7_000 + at, ...rest }),
    ] as const;
  return new Map([
    [
      'mesh.yaml',
      JSON.stringify({
        ...{ mesh: 'm', trust_domain: 'm.test', roles: { support: ['web'] } },
        attributes: { stage: ['production', 'staging'], team: 'string' },
        issuers: { login: { issuer: 'https://login.test', audience: 'm', jwks: keys } },
        ...mesh,
      }),
    ],
    service('web', 1),
    ...more.map((name, at) => service(name, 10 + at)),
    service('payments', 2, { allow: [{ id: 'a', from: 'web', when }] }),
  ]);
}

function told(when: string, mesh: object = {}) {
  return parseIntent(filesFor(when, mesh)).findings.map(({ code, severity, nearest, at }) => {
    assert.deepEqual([severity, at?.file], ['warning', 'services/payments.yaml'], when);
    return [code, nearest] as const;
  });
}

describe('names that a condition compares with', () => {
  it('are warned of when nothing has them, with what comes near', () => {
    for (const [when, nearest] of [
      ['"suport" in source.roles', 'support'],
      ['!("suport" in destination.roles)', 'support'],
      ['source.service == "wep"', 'web'],
      ['source.service in ["web", "pyaments"]', 'payments'],
      ['destination.service == "payment"', 'payments'],
      ['"m.tset" == source.trust_domain', 'm.test'],
      ['source.principal != "spiffe://m.test/wep"', 'spiffe://m.test/web'],
      ['source.principal == "spiffe://m.test/web/"', 'spiffe://m.test/web'],
      ['source.principal == "web"', undefined],
      ['has(token) && token.issuer == "login"', undefined],
      ['has(token) && token.issuer == "https://logn.test"', 'https://login.test'],
      ['request.method == "get"', 'GET'],
      ['"X-Debug" in request.headers', 'x-debug'],
      ['request.headers["x_team"] == "a"', 'x-team'],
      ['has(request.headers.x_team)', 'x-team'],
      ['"a" in request.header_values["X-Team"]', 'x-team'],
      ['has(source.stage) && source.stage == "prodution"', 'production'],
    ] as const) {
      assert.deepEqual(told(when), [['CH1143', nearest]], when);
    }
  });

  it('a header that is named in lower case and without `_` is not', () => {
    for (const when of ['"x-debug" in request.headers', 'request.headers["x-team"] == "X_Team"']) {
      assert.deepEqual(told(when), [], when);
    }
  });

  it('a host by which the service is not called, and an issuer of a test that nobody is, are told', () => {
    const found = (rule: object) => {
      const files = filesFor('request.host == "payment"');
      files.set(
        'services/desk.yaml',
        JSON.stringify({ service: 'desk', owner: 'us', protocol: 'http', port: 7_050, ...rule }),
      );
      return parseIntent(files).findings.map(({ code, severity, nearest }) => {
        return [code, severity, nearest];
      });
    };
    const ofCondition = ['CH1143', 'warning', 'payments'];
    assert.deepEqual(found({ allow: [{ from: 'web', to: { host: ['desk', 'desks'] } }] }), [
      ['CH1143', 'warning', 'desk'],
      ofCondition,
    ]);
    const test = { from: 'web', request: 'GET /', expect: 'deny' };
    assert.deepEqual(found({ tests: [{ ...test, token: { issuer: 'logn' } }] }), [
      ['CH1113', 'warning', 'login'],
      ofCondition,
    ]);
    assert.deepEqual(found({ tests: [{ ...test, token: {} }] }), [ofCondition]);
  });

  it('a scope with a space and a header value with white space around it are told', () => {
    for (const [rule, code] of [
      [{ token: { scopes: 'read write' } }, 'CH1143'],
      [{ token: { scopes: [''] } }, 'CH1143'],
      [{ token: { scopes: ['https://a.test/x:read', 'charges.read'] } }, undefined],
      [{ to: { headers: { 'x-a': ' acme' } } }, 'CH1143'],
      [{ to: { headers: { 'x-a': 'a\nb' } } }, 'CH1143'],
      [{ to: { headers: { 'x-a': 'a b\tc' } } }, undefined],
    ] as const) {
      const files = filesFor('true || has(token)');
      const service = { service: 'desk', owner: 'us', protocol: 'http', port: 7_050 };
      files.set(
        'services/desk.yaml',
        JSON.stringify({ ...service, allow: [{ from: 'web', ...rule }] }),
      );
      const codes = parseIntent(files).findings.flatMap(({ code: found, at }) =>
        at?.file === 'services/desk.yaml' ? [found] : [],
      );
      assert.deepEqual(codes, code === undefined ? [] : [code], JSON.stringify(rule));
    }
  });

  it('say nothing where they may be', () => {
    for (const when of [
      '"support" in source.roles',
      'source.service in ["web", "payments"]',
      'source.principal == "spiffe://m.test/web"',
      'has(token) && token.issuer == "https://login.test"',
      'request.method in ["GET", "REPORT", "M-SEARCH"]',
      'has(source.stage) && source.stage == "staging"',
      'has(source.team) && source.team == "anything"',
      'request.path == "/suport"',
      'source.service.startsWith("we")',
    ]) {
      assert.deepEqual(told(when), [], when);
    }
    const peers = { 'p.test': { endpoint: 'https://b.p.test/', profile: 'https_web' } };
    assert.deepEqual(told('source.service == "desk"', { peers }), []);
    assert.deepEqual(told('source.principal == "spiffe://p.test/desk"', { peers }), []);
    assert.deepEqual(told('source.principal == "spiffe://q.test/desk"', { peers }), [
      ['CH1143', 'spiffe://m.test/web'],
    ]);
  });

  it('are looked up again when a service, a role or the trust domain goes', () => {
    const before = (when: string) => parseIntent(filesFor(when, {}, ['desk']));
    for (const [when, after] of [
      ['source.service == "desk"', (text: string) => filesFor(text)],
      ['source.principal == "spiffe://m.test/de\\x73k"', (text: string) => filesFor(text)],
      ['"support" in source.roles', (text: string) => filesFor(text, { roles: {} }, ['desk'])],
      [
        'source.trust_domain == "m.test"',
        (text: string) => filesFor(text, { trust_domain: 'n.test' }, ['desk']),
      ],
    ] as const) {
      const known = before(when);
      assert.deepEqual(known.findings, [], when);
      const found = parseIntent(after(when), known).findings.map(({ code }) => code);
      assert.deepEqual(found, ['CH1143'], when);
    }
  });

  it('a person is looked up again when an issuer ceases to name people', () => {
    const files = (person: object) => {
      const issuer = { issuer: 'https://login.test', audience: 'm', jwks: keys };
      const found = filesFor('true || has(token)', {
        issuers: { login: { ...issuer, ...person } },
      });
      found.set(
        'services/desk.yaml',
        'service: desk\nowner: us\nprotocol: http\nport: 7050\nallow: [{ from: "person:login/ann" }]\n',
      );
      return found;
    };
    const known = parseIntent(files({ person: 'email' }));
    const next = parseIntent(files({}), known);
    assert.deepEqual(next.findings, parseIntent(files({})).findings);
    assert.ok(next.findings.some(({ code }) => code === 'CH1038'));
  });
});
