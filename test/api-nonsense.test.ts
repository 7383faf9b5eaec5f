import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Route, routes } from '../src/serve/api/routes.ts';
import { Seeded, seed } from './fuzz/mutate.ts';
import { LoneControlPlane } from './support/control-plane.ts';
import { noPostgres, PostgresServer } from './support/postgres.ts';

/** Calls of each route; more of them with CHANCERY_FUZZ, which readers of bytes take a million times. */
const callsPerRoute = Math.min(5_000, Number(process.env['CHANCERY_FUZZ'] ?? 60));
/** A call that takes longer hangs. */
const hangsMs = 15_000;

const files = {
  'mesh.yaml': 'mesh: ops\ntrust_domain: ops.test\n',
  'services/web.yaml': 'service: web\nowner: t\nprotocol: http\nport: 8080\n',
};

const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
const strange: readonly string[] = [
  ...[
    '',
    ' ',
    '%',
    '%ff',
    '\u0000',
    'a\u0000b',
    '../..',
    '/',
    '?',
    '#',
    '__proto__',
    'constructor',
  ],
  ...[
    "'; DROP TABLE ledger; --",
    '"',
    '\\',
    '\n',
    '\r\nx: y',
    '\u202e',
    'é',
    '💥',
    '\ud800',
    '\u{10ffff}',
  ],
  ...['NaN', 'null', '-1', '1e999', '0x10', '9'.repeat(16), '9'.repeat(400), '1.5', 'true'],
  ...['x'.repeat(1_024), 'x'.repeat(1_025), 'x'.repeat(9_000), 'é'.repeat(600)],
];
const bodies = [
  ...['', '{', 'null', '[]', '0', '"x"', '{}', deep, '\u0000', '{"by":null}', '{"__proto__":{}}'],
  ...['{"constructor":1}', '{"by":"a","by":{}}', `{"by":"${'x'.repeat(9_000)}"}`],
  ...['{"by":"\\u0000"}', '{"by":"\\ud800"}', `{"by":"a","x":"${'x'.repeat(5_000_000)}"}`],
];
/** Of the right shape, and still without sense. */
const senseless = [
  '{"host":"../..","ttlSeconds":1,"replaces":false}',
  '{"host":"a","ttlSeconds":0,"replaces":true}',
  '{"name":"__proto__","role":"admin","ttlSeconds":1}',
  '{"name":"a","role":"admin","ttlSeconds":315360000}',
  '{"step":"revoke"}',
  '{"step":"abandon","what":"own-root","driven":"hand"}',
  '{"chain":"","driven":"auto"}',
  '{"chain":"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----","driven":"hand"}',
  '{"chain":"x","key":"y","root":"","driven":"hand"}',
  '{"trustDomain":"../nobody"}',
  '{"commit":"\\u0000"}',
  '{"commit":"__proto__"}',
];

interface Said {
  readonly status: number;
  readonly text: string;
}

const backends: readonly (readonly [string, string | undefined])[] = [
  ['SQLite', undefined],
  ['PostgreSQL', noPostgres()],
];

for (const [name, skip] of backends) {
  describe(`nonsense at the operators' API, on ${name}`, { skip: skip ?? false }, () => {
    const plane = new LoneControlPlane(files);
    const server = name === 'PostgreSQL' ? new PostgresServer() : undefined;
    before(async () => {
      await server?.start();
      const store = server === undefined ? [] : ['--store', await server.database()];
      await plane.start(...store);
    });
    after(async () => {
      await plane.remove();
      await server?.remove();
    });

    const call = (method: string, path: string, body = '') =>
      new Promise<Said>((resolve, reject) => {
        const options = { socketPath: plane.controlSocket, method, path, timeout: hangsMs };
        const sent = request(options, (response) => {
          const status = response.statusCode ?? 0;
          // A stream that was opened has no end.
          if (response.headers['content-type'] === 'application/x-ndjson') {
            sent.destroy();
            return resolve({ status, text: '' });
          }
          let text = '';
          response.setEncoding('utf8').on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status, text }));
        });
        sent.once('timeout', () => sent.destroy(new Error(`${method} ${path.slice(0, 60)} hangs`)));
        sent.once('error', reject).end(body);
      });
    const isFault = ({ status, text }: Said): boolean =>
      status >= 500 || status < 200 || (status >= 400 && !/"code":"CH\d{4}"/.test(text));
    const shown = (what: string, { status, text }: Said): string =>
      `${what.slice(0, 200)}: ${status} ${text.slice(0, 300)}`;

    it('no body, however wrong, is taken, and each is refused with a code', async () => {
      for (const { method, path } of routes.filter((route) => route.method === 'POST')) {
        for (const body of [...bodies, ...senseless]) {
          const said = await call(method, path.replace('{name}', 'nobody'), body);
          assert.ok(
            said.status >= 400 && !isFault(said),
            shown(`${path} ${body.slice(0, 80)}`, said),
          );
        }
      }
    });

    for (const route of routes) {
      it(`${route.method} ${route.path} has an answer to whatever comes`, async () => {
        const draw = new Seeded(seed + routes.indexOf(route));
        const drawn = Array.from({ length: callsPerRoute }, () => [
          pathFor(route, draw),
          bodyFor(route, draw),
        ]);
        for (const [path = '', body = ''] of [...oneByOne(route), ...drawn]) {
          const said = await call(route.method, path, body);
          const ready = route.path === '/readyz' && said.status === 503;
          assert.ok(ready || !isFault(said), shown(`${path} ${body.slice(0, 200)}`, said));
        }
      });
    }

    it('what is not HTTP, has no path or is too long is refused with a code', async () => {
      const raw = [
        'nonsense\r\n\r\n',
        'GET v1/status HTTP/1.1\r\nhost: x\r\n\r\n',
        'GET http://elsewhere/v1/status HTTP/1.1\r\nhost: x\r\n\r\n',
        'OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n',
        `GET /v1/${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
        `GET /v1/status HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
        'POST /v1/approvals HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n',
        'POST /v1/approvals HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      ];
      for (const text of raw) {
        const said = await exchange(plane.controlSocket, text);
        assert.match(said, /^HTTP\/1\.1 4\d\d .*"code":"CH\d{4}"/s, text.slice(0, 80));
      }
    });

    it('goes on as before after all of it', async () => {
      assert.equal((await call('GET', '/v1/status')).status, 200);
      assert.equal((await call('GET', '/v1/ledger?limit=1000')).status, 200);
      assert.equal((await call('GET', '/readyz')).status, 200);
    });
  });
}

/** Each strange text alone in each place, so that nothing else that is wrong hides it. */
function oneByOne({ path, query, body: shape }: Route): (readonly [path: string, body: string])[] {
  const texts = strange.map((text) => text.toWellFormed());
  const plain = path.replace('{name}', 'nobody');
  const good = Object.entries(shape ?? {}).map(([field, { kind }]) => [field, goodFor[kind]]);
  const strangeBodies = Object.keys(shape ?? {}).flatMap((field) =>
    strange.map((text) => JSON.stringify({ ...Object.fromEntries(good), [field]: text })),
  );
  return [
    ...texts.map((text) => path.replace('{name}', () => encodeURIComponent(text) || 'nobody')),
    ...Object.keys(query).flatMap((name) =>
      texts.map((text) => `${plain}?${name}=${encodeURIComponent(text)}`),
    ),
  ]
    .map((one): readonly [string, string] => [one, ''])
    .concat(strangeBodies.map((body) => [plain, body] as const));
}

const goodFor = { text: 'a', caller: 'ann', number: 1, flag: false, word: 'auto' } as const;

function pathFor({ path, query }: Route, draw: Seeded): string {
  const named = path.replace('{name}', () => encoded(draw, draw.of(strange)) || 'nobody');
  const names = [...Object.keys(query), ...strange.slice(0, 14)];
  const count = draw.below(4);
  const parameters = Array.from({ length: count }, () => {
    const name = draw.of(names);
    return `${encoded(draw, name)}=${encoded(draw, draw.of(strange))}`;
  });
  return parameters.length === 0 ? named : `${named}?${parameters.join('&')}`;
}

/** Values of all kinds under the names that the call knows, and under others. */
function bodyFor({ body }: Route, draw: Seeded): string {
  if (body === undefined || draw.below(4) === 0) return '';
  const value = (): unknown =>
    draw.of<unknown>([draw.of(strange), draw.below(2 ** 31), null, [], {}, true, -1, 1e300, 'a']);
  const fields = Object.entries(body).map(([name, shape]): [string, unknown] => {
    const fits = shape.kind === 'word' ? draw.of(shape.words) : draw.of(strange);
    return [name, draw.below(3) === 0 ? value() : fits];
  });
  const others = draw.below(5) === 0 ? [[draw.of(strange), value()] as const] : [];
  return JSON.stringify(Object.fromEntries([...fields, ...others]));
}

/** As a client would write it, or what of it may stand in a request as it is. */
function encoded(draw: Seeded, text: string): string {
  const plain = text.replaceAll(/[^\x21-\x7e]|[?#]/g, '');
  return draw.below(4) === 0 ? plain : encodeURIComponent(text.toWellFormed());
}

/** Bytes as they are, and all that comes back until the other side ends. */
function exchange(socketPath: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => socket.end(text));
    let said = '';
    socket.setTimeout(hangsMs, () => socket.destroy(new Error(`hangs: ${text.slice(0, 60)}`)));
    socket.setEncoding('utf8').on('data', (chunk) => {
      said += chunk;
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(said));
  });
}
