import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { whyCommand } from '../../src/cli/why.ts';
import { goodClaims, issuer, signed } from '../../src/tokens/token.fixture.ts';
import { eventually } from '../support/running-mesh.ts';

const files: Readonly<Record<string, string>> = {
  'mesh.yaml': `
mesh: acme
trust_domain: acme.test
roles: {}
peers: { peer.test: { endpoint: "https://bundle.peer.test/", profile: https_web } }
issuers:
  login: { issuer: ${issuer.issuer}, audience: [shop], person: email, jwks: '${issuer.jwks}' }
`,
  'services/web.yaml': service('web', 'http', 7_001),
  'services/reports.yaml': service('reports', 'http', 7_002),
  'services/payments.yaml': `${service('payments', 'http', 7_003)}
allow:
  - { id: read, from: web, to: GET /** }
  - { id: read-charges, from: web, to: GET /v1/charges/* }
  - { id: by-token, from: reports, to: GET /t, token: { issuer: login, scopes: [read], claims: { department: finance } } }
  - { id: tenant, from: reports, to: { request: GET /h, headers: { x-tenant: acme } } }
  - { id: morning, from: reports, to: GET /m, when: request.time.getHours() == 9 }
  - { id: near, from: reports, to: GET /n, when: source.address == "127.0.0.9" }
  - { id: guest, from: spiffe://peer.test/desk, to: GET /g }
deny:
  - { id: no-internal, from: "*", to: "* /internal/**" }
  - { id: no-debug, from: "*", to: { request: "* /d/**", headers: { x-debug: "on" } } }
`,
  'services/stock.yaml': `${service('stock', 'grpc', 7_004)}
allow: [{ id: take, from: web, to: shop.Stock/Take }]
deny: [{ id: never-drop, from: "*", to: shop.Stock/Drop }]
`,
  'services/ledger.yaml': `${service('ledger', 'tcp', 7_005)}
allow: [{ id: books, from: [web, reports] }]
deny: [{ id: no-reports, from: reports }]
`,
  'services/people.yaml': `${service('people', 'http', 7_007)}
allow: [{ id: by-person, from: "person:alice@acme.test", to: GET /p }]
`,
  'services/vault.yaml': `${service('vault', 'http2', 7_006)}
decide: desk
allow: [{ id: open, from: web, to: GET /** }]
`,
};

function service(name: string, protocol: string, port: number): string {
  return `service: ${name}\nowner: us\nprotocol: ${protocol}\nport: ${port}\n`;
}

interface Reply {
  readonly verdict: string;
  readonly verified: {
    readonly agrees: boolean;
    readonly code?: string;
    readonly kind: string;
    readonly rule?: string;
    readonly in: string;
    readonly status?: number;
    readonly reached: boolean;
    readonly answerCode?: string;
    readonly sent: {
      readonly without: readonly string[];
      readonly otherwise: readonly string[];
      readonly signedFor?: string;
    };
  };
}

const claims = JSON.stringify({ sub: 'u-1', scope: 'read', department: 'finance' });

describe('why --verify', { timeout: 240_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'verify-'));
  before(() => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  /** Exit code and what was written. */
  async function run(...args: string[]): Promise<readonly [number, string]> {
    const written: string[] = [];
    const take = (text: string): void => void written.push(text);
    const findings = (all: readonly object[]): void => take(JSON.stringify(all));
    const terminal = { color: false, json: false, width: 200, out: take, err: take, findings };
    const code = await whyCommand([...args, '--verify', '--in', dir, '--dev'], terminal);
    return [code, written.join('\n')];
  }

  /** Undefined where nobody says it. */
  type Found = readonly [
    verdict: string,
    where: string,
    rule: string | undefined,
    status?: number | undefined,
    code?: string,
  ];

  async function agrees(args: readonly string[], found: Found): Promise<Reply['verified']> {
    const [exit, text] = await run(...args, '--json');
    const { verdict, verified } = JSON.parse(text) as Reply;
    assert.ok(verified.agrees, text);
    const { rule, status, answerCode } = verified;
    const at = [verdict, verified.in, rule, status, answerCode];
    assert.deepEqual(at, [...found, ...Array(5 - found.length)], text);
    assert.equal(exit, verdict === 'allow' ? 0 : 2);
    assert.equal(verified.reached, verified.kind === 'allow');
    return verified;
  }

  it('an allow and a deny rule in the proxy', async () => {
    await agrees(['web', 'payments', 'GET', '/x?y=1'], ['allow', 'proxy', 'read', 200]);
    const denied: Found = ['deny', 'proxy', 'no-internal', 403, 'CH2102'];
    await agrees(['web', 'payments', 'GET', '/internal/keys'], denied);
  });

  it('the same of several rules that hold', async () => {
    const args = ['web', 'payments', 'GET', '/v1/charges/7'];
    await agrees(args, ['allow', 'proxy', 'read-charges', 200]);
  });

  it('the default denial, and one who is not in the mesh, at the desk', async () => {
    const denied: Found = ['deny', 'desk', undefined, 403, 'CH2101'];
    await agrees(['reports', 'payments', 'GET', '/nothing'], denied);
    const stranger: Found = ['deny', 'desk', undefined, 403, 'CH2105'];
    await agrees(['spiffe://acme.test/ghost', 'payments', 'GET', '/x'], stranger);
    await agrees(['web', 'vault', 'GET', '/x'], ['allow', 'desk', 'open', 200]);
  });

  it('paths and hosts that have no one reading', async () => {
    const refused: Found = ['deny', 'listener', undefined, 400, 'CH4110'];
    await agrees(['web', 'payments', 'GET', '/a%00b'], refused);
    const atDesk: Found = ['deny', 'desk', undefined, 403, 'CH2125'];
    await agrees(['web', 'payments', 'GET', '/a/%2e%2e;b'], atDesk);
    const slash: Found = ['allow', 'desk', 'read', 200];
    await agrees(['web', 'payments', 'GET', '/a%2fb;c'], slash);
    const hidden: Found = ['deny', 'desk', 'no-internal', 403, 'CH2130'];
    await agrees(['web', 'payments', 'GET', '/internal%2fx'], hidden);
    const host: Found = ['deny', 'desk', undefined, 403, 'CH2127'];
    await agrees(['web', 'payments', 'GET', '/x', '--host', 'a,b'], host);
    await agrees(['web', 'payments', 'GET', '/a/../x'], ['allow', 'proxy', 'read', 200]);
    const dots: Found = ['deny', 'proxy', 'no-internal', 403, 'CH2102'];
    await agrees(['web', 'payments', 'GET', '/a/%2e%2e/internal//x'], dots);
  });

  it('claims, with a token that really verifies', async () => {
    const args = ['reports', 'payments', 'GET', '/t'];
    const { sent } = await agrees([...args, '--token', claims], ['allow', 'desk', 'by-token', 200]);
    assert.equal(sent.signedFor, 'login');
    const less = JSON.stringify({ sub: 'u-1', scope: 'read', department: 'sales' });
    await agrees([...args, '--token', less], ['deny', 'desk', undefined, 403, 'CH2101']);
    await agrees([...args, '--token', 'none'], ['deny', 'desk', undefined, 401, 'CH2108']);
    const alice = JSON.stringify({ sub: 'u-1', email: 'alice@acme.test' });
    const person: Found = ['allow', 'desk', 'by-person', 200];
    await agrees(['reports', 'people', 'GET', '/p', '--token', alice], person);
  });

  it('a token as it is, with the keys of the issuer', async () => {
    const exp = Math.floor(Date.now() / 1_000) + 300;
    const all = { ...goodClaims, iat: exp - 300, exp, department: 'finance' };
    const token = signed({ alg: 'ES256', kid: 'ES256' }, all, 'ES256');
    const args = ['reports', 'payments', 'GET', '/t', '--token', token];
    const { sent } = await agrees(args, ['allow', 'desk', 'by-token', 200]);
    assert.equal(sent.signedFor, undefined);
  });

  it('headers, the time and the address', async () => {
    const header = ['reports', 'payments', 'GET', '/h', '--header'];
    await agrees([...header, 'x-tenant=acme'], ['allow', 'proxy', 'tenant', 200]);
    const twice = [...header, 'x-tenant=acme', '--header', 'x-tenant=acme'];
    await agrees(twice, ['deny', 'desk', undefined, 403, 'CH2101']);
    const debug = ['web', 'payments', 'GET', '/d/x', '--header', 'x-debug=off, on'];
    await agrees(debug, ['deny', 'desk', 'no-debug', 403, 'CH2102']);
    const time = ['reports', 'payments', 'GET', '/m', '--time'];
    await agrees([...time, '2026-03-01T09:30:00Z'], ['allow', 'desk', 'morning', 200]);
    await agrees([...time, '2026-03-01T10:30:00Z'], ['deny', 'desk', undefined, 403, 'CH2101']);
    const near = ['reports', 'payments', 'GET', '/n', '--address', '127.0.0.9'];
    await agrees(near, ['allow', 'desk', 'near', 200]);
  });

  it('what it depends on is left out, and that is said', async () => {
    const args = ['reports', 'payments', 'GET', '/h'];
    const { sent } = await agrees(args, ['depends', 'desk', undefined, 403, 'CH2101']);
    assert.deepEqual(sent.without, ['headers', 'a token']);
    const far = ['reports', 'payments', 'GET', '/n', '--address', '10.1.2.3'];
    const elsewhere = await agrees(far, ['deny', 'desk', undefined, 403, 'CH2101']);
    assert.match(elsewhere.sent.otherwise.join(), /from 127\.0\.0\.1/);
    const [, text] = await run(...args);
    assert.match(
      text,
      /verified {2}a real Envoy agrees \(403, CH2101, deny, at the desk, \d+ ms\)\n +sent without headers and without a token/,
    );
  });

  it('callers of a peer, and of nobody that is believed', async () => {
    const desk = 'spiffe://peer.test/desk';
    // The tree in the proxy is sure of members only where a rule is for everybody.
    await agrees([desk, 'payments', 'GET', '/g'], ['allow', 'desk', 'guest', 200]);
    await agrees([desk, 'payments', 'GET', '/x'], ['deny', 'desk', undefined, 403, 'CH2101']);
    await agrees([desk, 'vault', 'GET', '/x'], ['deny', 'handshake', undefined]);
    const stranger = 'spiffe://elsewhere.test/x';
    await agrees([stranger, 'payments', 'GET', '/g'], ['deny', 'handshake', undefined]);
  });

  it('gRPC', async () => {
    await agrees(['web', 'stock', 'shop.Stock/Take'], ['allow', 'proxy', 'take', 200]);
    const drop: Found = ['deny', 'proxy', 'never-drop', 200, 'CH2102'];
    await agrees(['web', 'stock', 'shop.Stock/Drop'], drop);
    const other: Found = ['deny', 'desk', undefined, 200, 'CH2101'];
    await agrees(['reports', 'stock', 'shop.Stock/Take'], other);
  });

  it('TCP', async () => {
    await agrees(['web', 'ledger'], ['allow', 'proxy', 'books']);
    await agrees(['reports', 'ledger'], ['deny', 'proxy', 'no-reports', undefined, 'CH2102']);
    await agrees(['payments', 'ledger'], ['deny', 'proxy', undefined, undefined, 'CH2101']);
  });

  it('what Envoy refuses ahead of any rule, with its code', async () => {
    const [exit, text] = await run('web', 'payments', 'GET', '/x', '--header', 'a_b:1');
    assert.equal(exit, 2);
    assert.match(
      text,
      /^DENY {2}CH4110 .*\n {2}the proxy refuses it ahead of any rule \(400\): the header a_b/,
    );
    assert.match(text, /a real Envoy agrees \(400, CH4110, deny, before any rule.*underscore/);
    const early = (status: number, code: string): Found => [
      ...(['deny', 'listener', undefined] as const),
      status,
      code,
    ];
    const get = ['web', 'payments', 'GET', '/x'];
    await agrees(['web', 'payments', 'G(T', '/x'], early(400, 'CH4110'));
    await agrees(['web', 'payments', 'GET', '/x#y'], early(400, 'CH4110'));
    await agrees([...get, '--host', 'pay ments'], early(400, 'CH4110'));
    await agrees([...get, '--header', `x-a=${'a'.repeat(72_000)}`], early(431, 'CH4110'));
    const headers = (count: number): string[] =>
      Array.from({ length: count }, (_, at) => ['--header', `x-${at}=a`]).flat();
    await agrees([...get, ...headers(128)], ['allow', 'proxy', 'read', 200]);
    await agrees([...get, ...headers(136)], early(431, 'CH4110'));
    const upgrade = ['--header', 'upgrade=tls/1.2', '--header', 'connection=upgrade'];
    await agrees([...get, ...upgrade], early(403, 'CH4112'));
  });

  it('every method that the parser of HTTP/1.1 takes, and what a host or a backslash is to it', async () => {
    for (const method of [
      'PURGE',
      'MSEARCH',
      'M-SEARCH',
      'BIND',
      'LINK',
      'SOURCE',
      'QUERY',
      'MKCALENDAR',
    ]) {
      const [, text] = await run('web', 'vault', method, '/x', '--json');
      assert.ok((JSON.parse(text) as Reply).verified.agrees, text);
      const other = await run('web', 'payments', method, '/x', '--json');
      assert.ok((JSON.parse(other[1]) as Reply).verified.agrees, other[1]);
    }
    await agrees(['web', 'payments', 'GET', '/a\\..\\x'], ['allow', 'proxy', 'read', 200]);
    const [, text] = await run('web', 'payments', 'GET', '/x', '--host', 'other');
    assert.match(text, /^MISDIRECTED {2}CH4111/);
    assert.match(text, /a real Envoy agrees \(421/);
    const [, plain] = await run('web', 'payments', 'GET', '/d', '--header', 'x-chancery-a=1');
    assert.match(plain, /a real Envoy agrees/);
  });

  it('nothing is left of one that is interrupted', async () => {
    const program = ['bin/chancery.js', 'why', 'web', 'payments', 'GET', '/x', '--verify'];
    const home = mkdtempSync(join(tmpdir(), 'verify-home-'));
    const child = spawn(process.execPath, [...program, '--in', dir, '--dev'], {
      env: { ...process.env, TMPDIR: home },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
    const gone = once(child, 'exit');
    await eventually(
      () => readdirSync(home).some((name) => name.startsWith('chancery-verify-')),
      20_000,
      () => said,
    );
    child.kill('SIGINT');
    const [code] = (await gone) as [number];
    assert.equal(code, 1, said);
    assert.match(said, /CH2113[\s\S]*interrupted/);
    assert.deepEqual(readdirSync(home), []);
    rmSync(home, { recursive: true });
  });
});
