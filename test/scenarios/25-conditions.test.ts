import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { goodClaims, issuer, part, signed } from '../../src/tokens/token.fixture.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { type Answer, eventually, RunningMesh } from '../support/running-mesh.ts';

const meshRules = `
attributes: { team: string }
issuers:
  login:
    issuer: ${issuer.issuer}
    audience: [${issuer.audiences.join(', ')}]
    person: email
    jwks: '${issuer.jwks}'
`;

/** Paths that the application does not have: its own 404 says that the request came through. */
const rules = `allow:
  - { id: by-token, from: reports, to: GET /t/token, token: { issuer: login, scopes: [read] } }
  - { id: by-person, from: "person:alice@acme.test", to: GET /t/person }
  - { id: by-header, from: reports, to: { request: GET /t/header, headers: { x-tenant: acme } } }
  - { id: by-host, from: reports, to: { request: GET /t/host, host: [payments] } }
  - id: by-cel
    from: reports
    to: GET /t/cel
    when: |
      source.team == "finance" && request.time > timestamp("2020-01-01T00:00:00Z")
        && request.headers["x-step"] == "up" && source.address.startsWith("127.")
  - { id: past, from: reports, to: GET /t/past, when: 'request.time < timestamp("2020-01-01T00:00:00Z")' }
  - { id: plain, from: reports, to: GET /t/heard }
  - { id: not-yet, from: reports, to: GET /t/soon, mode: audit }
`;
const denies = `deny:
  - { id: heard, from: reports, to: GET /t/heard, mode: audit }
  - { id: heard-at-the-desk, from: reports, to: GET /t/token, when: 'source.team == "finance"', mode: audit }
  - { id: unsure, from: reports, to: GET /t/unsure, when: 'request.headers["x-kind"] == "bad"' }
`;

const passed = 404;
const header = { alg: 'ES256', kid: 'ES256' };

function token(claims: object = {}): string {
  const exp = Math.floor(Date.now() / 1_000) + 300;
  const all = { ...goodClaims, iat: exp - 300, exp, ...claims };
  return signed(header, all, 'ES256');
}

function bearer(text: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${text}` };
}

describe('rules with conditions in a running mesh', () => {
  let mesh: RunningMesh;
  let receiver: OtlpReceiver;
  before(async () => {
    receiver = await OtlpReceiver.open();
    mesh = new RunningMesh('examples/shop');
    mesh.env['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT'] = `${receiver.url}/v1/logs`;
    mesh.edit('mesh.yaml', (text) => `${text}${meshRules}`);
    mesh.edit('services/payments.yaml', (text) =>
      text.replace('allow:\n', rules).replace('deny:\n', denies),
    );
    mesh.edit('services/reports.yaml', (text) =>
      text.replace('\nallow:', '\nattributes: { team: finance }\nallow:'),
    );
    mesh.commit('conditions');
    await mesh.up();
  });
  after(async () => {
    await mesh.remove();
    receiver.close();
  });

  const get = (path: string, headers?: Readonly<Record<string, string>>): Promise<Answer> =>
    mesh.ask('reports-v1', 'payments', 'GET', path, undefined, headers);
  const decisions = (): Record<string, unknown>[] =>
    readFileSync(join(mesh.layout.stateDir, 'logs', 'decisions.jsonl'), 'utf8')
      .split('\n')
      // After the last line end there is nothing, or a line that is being written.
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  /** The line of the log for a request; it is written some milliseconds later. */
  const decisionOf = async ({ headers }: Answer): Promise<Record<string, unknown>> => {
    const find = () => decisions().find((one) => one['requestId'] === headers['x-request-id']);
    await eventually(
      () => find() !== undefined,
      5_000,
      () => 'the decision is not in the log',
    );
    return find() ?? {};
  };
  const code = ({ headers }: Answer): unknown => headers['x-chancery-code'];

  it('a good token lets in, and the log says whose it was without it', async () => {
    const secret = token();
    const answer = await get('/t/token', bearer(secret));
    assert.equal(answer.status, passed, answer.body);
    const decision = await decisionOf(answer);
    assert.equal(decision['rule'], 'by-token');
    assert.equal(decision['token'], 'of login');
    assert.match(String(decision['policy']), /^[0-9a-f]{8,}/);
    assert.ok(Number(decision['latencyUs']) > 0);
    assert.ok(!JSON.stringify(decisions()).includes(secret.split('.')[2] ?? '?'));
  });

  it('none is 401 with a challenge, a bad one 401 invalid_token with why', async () => {
    const none = await get('/t/token');
    assert.deepEqual([none.status, code(none)], [401, 'CH2108']);
    assert.equal(none.headers['www-authenticate'], 'Bearer realm="payments", scope="read"');
    const unsigned = `${part({ alg: 'none' })}.${part(goodClaims)}.`;
    for (const [bad, why] of [
      [token({ exp: Math.floor(Date.now() / 1_000) - 1 }), 'expired'],
      [token({ aud: 'billing' }), 'audience'],
      [token({ iss: 'https://evil.test' }), 'issuer'],
      [unsigned, 'algorithm'],
      [`${token().slice(0, -20)}AAAAAAAAAAAAAAAAAAAA`, 'signature'],
    ] as const) {
      const answer = await get('/t/token', bearer(bad));
      assert.deepEqual([answer.status, code(answer)], [401, 'CH2109'], why);
      assert.match(String(answer.headers['www-authenticate']), /error="invalid_token"/);
      assert.match(answer.body, new RegExp(`jwt_invalid: ${why}`));
    }
  });

  it('a token without the scope is 403 insufficient_scope', async () => {
    const answer = await get('/t/token', bearer(token({ scope: 'write' })));
    assert.equal(answer.status, 403);
    assert.match(
      String(answer.headers['www-authenticate']),
      /error="insufficient_scope", scope="read"/,
    );
  });

  it('a caller of gRPC hears UNAUTHENTICATED and PERMISSION_DENIED', async () => {
    const grpc = { 'content-type': 'application/grpc' };
    const unauthenticated = await get('/t/token', grpc);
    assert.equal(unauthenticated.headers['grpc-status'], '16');
    assert.match(String(unauthenticated.headers['grpc-message']), /CH2108/);
    const denied = await get('/t/nothing', grpc);
    assert.equal(denied.headers['grpc-status'], '7');
  });

  it('a person is whom the token names, with the service that carries it', async () => {
    assert.equal((await get('/t/person', bearer(token()))).status, passed);
    const other = await get('/t/person', bearer(token({ email: 'bob@acme.test' })));
    assert.equal(other.status, 403);
  });

  it('headers and hosts are held against what came', async () => {
    assert.equal((await get('/t/header', { 'x-tenant': 'acme' })).status, passed);
    assert.equal((await get('/t/header', { 'x-tenant': 'other' })).status, 403);
    assert.equal((await get('/t/header')).status, 403);
    assert.equal((await get('/t/host')).status, passed);
  });

  it('CEL sees attributes, time, headers and the address of the socket', async () => {
    assert.equal((await get('/t/cel', { 'x-step': 'up' })).status, passed);
    assert.equal((await get('/t/cel', { 'x-step': 'down' })).status, 403);
    assert.equal((await get('/t/past')).status, 403);
  });

  it('a deny that cannot be decided denies, and the log says why', async () => {
    const answer = await get('/t/unsure');
    assert.deepEqual([answer.status, code(answer)], [403, 'CH2110']);
    const decision = await decisionOf(answer);
    assert.match(JSON.stringify(decision['undecided']), /unsure/);
  });

  /** The line of the proxy that answered. */
  const accessOf = async ({ headers }: Answer): Promise<Record<string, unknown>> => {
    const find = () =>
      [...mesh.log('payments-v1'), ...mesh.log('payments-v2')].find(
        (one) => one['request_id'] === headers['x-request-id'] && one['side'] === 'ingress',
      );
    await eventually(
      () => find() !== undefined,
      5_000,
      () => 'the request is not in the access log',
    );
    return find() ?? {};
  };

  it('a rule in audit changes nothing; where the proxy decides, its access log says what it would have done', async () => {
    const heard = await get('/t/heard');
    assert.equal(heard.status, passed);
    assert.match(String((await accessOf(heard))['audit']), /heard$/);
  });

  it('where the desk decides, its log and the access log say it', async () => {
    const heard = await get('/t/token', bearer(token()));
    assert.equal(heard.status, passed);
    const audits = [{ rule: 'heard-at-the-desk', effect: 'deny' }];
    assert.deepEqual((await decisionOf(heard))['audits'], audits);
    const { decision } = await accessOf(heard);
    assert.equal((decision as Record<string, unknown>)['audit'], 'heard-at-the-desk');
    const soon = await get('/t/soon');
    assert.equal(soon.status, 403);
    assert.deepEqual((await decisionOf(soon))['audits'], [{ rule: 'not-yet', effect: 'allow' }]);
    const metadata = (await accessOf(soon))['decision'] as Record<string, unknown>;
    assert.deepEqual([metadata['audit'], metadata['code']], ['not-yet', 'CH2101']);
  });

  it('decisions arrive where OTLP sends them', async () => {
    const { headers } = await get('/t/token');
    const find = () =>
      receiver.logs.find((one) => one['chancery.request_id'] === headers['x-request-id']);
    await eventually(
      () => find() !== undefined,
      10_000,
      () => `${receiver.logs.length} records, not this one`,
    );
    assert.equal(find()?.['chancery.decision.code'], 'CH2108');
  });

  it('a desk that is killed under load lets nothing wrong in, and is back without a new Envoy', async () => {
    const envoys = ['payments-v1', 'payments-v2'].map((one) => mesh.proxyPid(one));
    const good = bearer(token());
    const seen = new Map<string, number>();
    let running = true;
    const ask = async (who: string, headers?: Readonly<Record<string, string>>): Promise<void> => {
      while (running) {
        const answer = await get('/t/token', headers);
        const key = `${who} ${answer.status} ${code(answer) ?? ''}`.trim();
        seen.set(key, (seen.get(key) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const load = [ask('good', good), ask('good', good), ask('none'), ask('none')];
    const count = (key: string): number => seen.get(key) ?? 0;
    const settled = async (what: string): Promise<void> => {
      const before = [count(`good ${passed}`), count('none 401 CH2108')];
      await eventually(
        () =>
          count(`good ${passed}`) > (before[0] ?? 0) + 20 &&
          count('none 401 CH2108') > (before[1] ?? 0) + 20,
        20_000,
        () => `${what}: ${JSON.stringify([...seen])}`,
      );
    };
    await settled('before');
    for (let round = 0; round < 2; round += 1) {
      process.kill(mesh.pidOf('chancery.js agent'), 'SIGKILL');
      await settled(`after kill ${round + 1}`);
    }
    running = false;
    await Promise.all(load);
    const allowed = [`good ${passed}`, 'good 503 CH2190', 'none 401 CH2108', 'none 503 CH2190'];
    assert.deepEqual(
      [...seen.keys()].filter((key) => !allowed.includes(key)),
      [],
      JSON.stringify([...seen]),
    );
    assert.ok(count('none 503 CH2190') + count('good 503 CH2190') > 0, JSON.stringify([...seen]));
    assert.deepEqual(
      ['payments-v1', 'payments-v2'].map((one) => mesh.proxyPid(one)),
      envoys,
    );
  });
});
