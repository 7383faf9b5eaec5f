import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OperatorRole } from '../../model/types.ts';
import type { BodyShape, FieldShape } from './body-shape.ts';
import { type ApiUse, guarded } from './guard.ts';
import { routes } from './routes.ts';
import type { ApiPeer, ApiRequest } from './server.ts';
import { paths } from './wire.ts';

const roles: readonly OperatorRole[] = ['viewer', 'operator', 'admin'];
const caller = (role: OperatorRole): ApiPeer => ({ kind: 'caller', name: 'token t', role });
const local: ApiPeer = { kind: 'operator', uid: 7 };

function fixture() {
  const seen: ApiRequest[] = [];
  const uses: ApiUse[] = [];
  const api = guarded(
    async (request) => {
      seen.push(request);
      return { kind: 'json', body: {} };
    },
    (use) => uses.push(use),
  );
  const call = async (peer: ApiPeer, method: string, path: string, body?: unknown) => {
    const [plain = '', search] = path.split('?');
    const query = new URLSearchParams(search);
    const reply = await api({ method, path: plain, body, peer, query });
    return reply.kind === 'refused' ? `${reply.status} ${reply.finding.code}` : '200';
  };
  return { seen, uses, call };
}

function goodValue(shape: FieldShape): unknown {
  switch (shape.kind) {
    case 'text':
    case 'caller':
      return 'x';
    case 'number':
      return 1;
    case 'flag':
      return true;
    case 'word':
      return shape.words[0];
  }
}

const goodBody = (shape: BodyShape | undefined): Record<string, unknown> =>
  Object.fromEntries(Object.entries(shape ?? {}).map(([name, field]) => [name, goodValue(field)]));
const pathOf = (pattern: string): string => pattern.replace('{name}', 'web-1');

/** What the host API and the agent serve, each behind a guard of its own. */
const notForOperators = /^\/v1\/(host|agent)\/|^\/v1\/bundle$/;

describe('the guard of the operators API', () => {
  it('every path of the wire types has its route and its role', () => {
    const missing = Object.values(paths)
      .filter((path) => !notForOperators.test(path))
      .filter(
        (path) => !routes.some((route) => route.path === path || route.path === `${path}/{name}`),
      );
    assert.deepEqual(missing, []);
  });

  for (const route of routes) {
    const { method, path, role, body } = route;
    it(`${method} ${path} is for ${role} and above`, async () => {
      const { call } = fixture();
      for (const one of roles) {
        const wanted = roles.indexOf(one) >= roles.indexOf(role) ? '200' : '403 CH5433';
        assert.equal(await call(caller(one), method, pathOf(path), goodBody(body)), wanted);
      }
      assert.equal(await call(local, method, pathOf(path), goodBody(body)), '200');
    });
  }

  it('who is not known learns nothing, not even what there is', async () => {
    const { call, seen } = fixture();
    const nobody: ApiPeer = { kind: 'anonymous', reason: 'no token came' };
    for (const path of [paths.status, '/v1/none']) {
      assert.equal(await call(nobody, 'GET', path), '401 CH5432');
    }
    assert.deepEqual(seen, []);
  });

  it('who asks is what was authenticated; on the own socket what the client says', async () => {
    const { call, seen } = fixture();
    const path = `${paths.hosts}/web-1/ban`;
    await call(caller('operator'), 'POST', path, { by: 'somebody else', reason: 'r' });
    await call(local, 'POST', path, { by: 'ann', reason: 'r' });
    await call(local, 'POST', path, { reason: 'r' });
    assert.deepEqual(
      seen.map(({ body }) => (body as { by: string }).by),
      ['token t', 'ann', 'uid 7'],
    );
  });

  it('what is not in the table is not served, and another method is named', async () => {
    const { call, seen } = fixture();
    const admin = caller('admin');
    assert.equal(await call(admin, 'GET', '/v1/none'), '404 CH5405');
    assert.equal(await call(admin, 'GET', `${paths.status}/`), '404 CH5405');
    assert.equal(await call(admin, 'GET', `${paths.hosts}/a/b/c`), '404 CH5405');
    assert.equal(await call(admin, 'DELETE', paths.status), '405 CH5405');
    assert.deepEqual(seen, []);
  });

  it('a use is told with its end, also one that was not let in', async () => {
    const { call, uses } = fixture();
    await call(caller('viewer'), 'POST', paths.caSteps, {});
    await call(caller('viewer'), 'GET', paths.ca);
    assert.deepEqual(
      uses.map(({ path, by, status }) => [path, by, status]),
      [
        [paths.caSteps, 'token t', 403],
        [paths.ca, 'token t', 200],
      ],
    );
  });

  it('no wrong parameter and no wrong name reaches a handler', async () => {
    const { call, seen } = fixture();
    const wrong = [
      `${paths.ledger}?since=yesterday`,
      `${paths.ledger}?since=-1`,
      `${paths.ledger}?limit=0`,
      `${paths.ledger}?limit=99999`,
      `${paths.ledger}?subject=a&subject=b`,
      `${paths.ledger}?subject=%00`,
      `${paths.ledger}?kind=${'x'.repeat(2_000)}`,
      `${paths.ledger}?${'kind=a&'.repeat(101)}`,
      `${paths.ledger}?__proto__=1`,
      `${paths.status}?at=1.5`,
      `${paths.hosts}?at=1.5`,
      `${paths.hosts}?since=1`,
      `${paths.proxies}/%00`,
      `${paths.proxies}/${'x'.repeat(2_000)}`,
    ];
    for (const path of wrong) {
      assert.equal(await call(caller('admin'), 'GET', path), '400 CH5471', path.slice(0, 60));
    }
    assert.deepEqual(seen, []);
  });

  it('who cannot be looked up now is no stranger: the call is right again later', async () => {
    const { call } = fixture();
    const peer: ApiPeer = { kind: 'anonymous', reason: 'none', notLookedUp: 'the store is away' };
    assert.equal(await call(peer, 'GET', paths.ca), '503 CH5205');
  });

  it('a handler that throws is an outcome like any other', async () => {
    const { uses } = fixture();
    const thrown = guarded(
      async () => {
        throw new Error('the store is away');
      },
      (use) => uses.push(use),
    );
    const query = new URLSearchParams();
    const request = { method: 'GET', path: paths.ca, query, body: undefined, peer: local };
    const reply = await thrown(request);
    assert.equal(reply.kind === 'refused' ? reply.finding.code : '', 'CH5400');
    assert.deepEqual(
      uses.map(({ from, status, code }) => [from, status, code]),
      [['this machine, uid 7', 500, 'CH5400']],
    );
  });

  it('no wrong body reaches a handler', async () => {
    const { call, seen } = fixture();
    const wrongValues = [
      null,
      [],
      {},
      -1,
      1e300,
      '',
      'x'.repeat(300_000),
      '\u0000',
      true,
      Number.NaN,
    ];
    for (const { method, path, body } of routes.filter((route) => route.body !== undefined)) {
      const good = goodBody(body);
      const whole = [undefined, null, [], 1, 'x', true, { ...good, extra: 1 }];
      const fields = Object.entries(body ?? {}).flatMap(([name, field]) => {
        const wrong = wrongValues.filter((value) => typeof value !== typeof goodValue(field));
        const { [name]: _, ...without } = good;
        const isNeeded = !field.isOptional && field.kind !== 'caller';
        return [
          ...wrong.map((value) => ({ ...good, [name]: value })),
          ...(isNeeded ? [without] : []),
        ];
      });
      for (const bad of [...whole, ...fields]) {
        const said = await call(caller('admin'), method, pathOf(path), bad);
        assert.equal(said, '400 CH5431', `${path} ${JSON.stringify(bad)?.slice(0, 200)}`);
      }
    }
    assert.deepEqual(seen, []);
  });

  it('says as HTTP wants it what a caller may do next, and counts who was not served', async () => {
    const unserved: number[] = [];
    const asked: string[] = [];
    const api = guarded(
      async ({ method }) => {
        asked.push(method);
        return { kind: 'json', body: {} };
      },
      () => {},
      (status) => unserved.push(status),
    );
    const call = (peer: ApiPeer, method: string, path: string) =>
      api({ method, path, body: undefined, peer, query: new URLSearchParams() });
    const headers = async (...args: Parameters<typeof call>) => {
      const reply = await call(...args);
      return reply.kind === 'refused' ? [reply.status, reply.headers] : reply.kind;
    };
    const stranger: ApiPeer = { kind: 'anonymous', reason: 'none' };
    assert.deepEqual(await headers(stranger, 'GET', paths.status), [
      ...[401, { 'www-authenticate': 'Bearer' }],
    ]);
    assert.deepEqual(await headers(caller('admin'), 'DELETE', paths.apiTokens), [
      ...[405, { allow: 'GET, POST' }],
    ]);
    assert.deepEqual(await headers(caller('admin'), 'HEAD', paths.events), [405, { allow: 'GET' }]);
    assert.deepEqual(await headers(caller('admin'), 'GET', '/none'), [404, undefined]);
    assert.equal(await headers(caller('viewer'), 'HEAD', paths.status), 'json');
    assert.deepEqual(asked, ['GET']);
    assert.deepEqual(unserved, [401, 405, 405, 404]);
  });
});
