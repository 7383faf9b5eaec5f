import assert from 'node:assert/strict';
import http from 'node:http';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { TrustDomain } from '../../src/model/types.ts';
import { intentFolder } from '../support/intents.ts';
import { type Certificate, capturedCa, rawExchange } from '../support/peer.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

/** An application that remembers the bytes that reached it and echoes what comes over an upgraded connection. */
const echo = `
const http = require('node:http');
const seen = [];
const server = http.createServer((q, s) => {
  if (q.url === '/seen') return s.end(JSON.stringify(seen));
  if (q.url !== '/healthz') seen.push({ method: q.method, url: q.url, host: q.headers.host, xfcc: q.headers['x-forwarded-client-cert'], code: q.headers['x-chancery-code'] });
  s.end('ok ' + q.url);
});
server.on('upgrade', (q, s) => {
  s.on('error', () => {});
  s.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n');
  s.pipe(s);
});
server.listen(process.env.PORT, '127.0.0.1');
`;

const files: Readonly<Record<string, string>> = {
  'mesh.yaml': 'mesh: wire\ntrust_domain: wire.test\n',
  'services/echo.yaml':
    'service: echo\nowner: data\nprotocol: http\nport: 15961\nhealth: GET /healthz\nrun: node echo.js\n' +
    'allow:\n  - { from: web, to: "GET /**" }\ndeny:\n  - { from: "*", to: "* /internal/**" }\n',
  'services/web.yaml':
    'service: web\nowner: web\nprotocol: http\nport: 15962\nhealth: GET /healthz\nrun: node echo.js\n',
  'services/other.yaml':
    'service: other\nowner: web\nprotocol: http\nport: 15963\nhealth: GET /healthz\nrun: node echo.js\n',
  'echo.js': echo,
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly xfcc?: string;
  readonly code?: string;
}

describe('what is on the wire', () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  let web: Certificate;
  let sign: Awaited<ReturnType<typeof capturedCa>>;
  before(async () => {
    const [dir, remove] = intentFolder(files);
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up();
    sign = await capturedCa(mesh.layout, 'wire.test' as TrustDomain);
    web = await sign(['spiffe://wire.test/web']);
  });
  after(async () => {
    await mesh.remove();
    removeFolder();
  });

  const ingress = (text: string, who: Certificate = web): Promise<string> =>
    rawExchange(mesh.ports('echo-v1').ingressPort, who, Buffer.from(text, 'latin1'));
  const seen = async (): Promise<readonly Seen[]> =>
    JSON.parse((await mesh.ask('web-v1', 'echo', 'GET', '/seen')).body) as Seen[];
  const get = (path: string, headers = ''): string =>
    `GET ${path} HTTP/1.1\r\nhost: echo\r\n${headers}\r\n`;

  it('a WebSocket goes through both proxies and outlives a commit', async () => {
    const { status, socket } = await upgrade(mesh.ports('web-v1').egressPort, 'echo', '/ws');
    assert.equal(status, 101);
    assert.equal(await echoed(socket, 'before'), 'before');
    mesh.edit('services/echo.yaml', (text) =>
      text.replace('to: "GET /**"', 'to: ["GET /**", "POST /x"]'),
    );
    mesh.commit('a new permission');
    await mesh.said(/live +[0-9a-f]{12} on/);
    assert.equal(await echoed(socket, 'after'), 'after');
    socket.destroy();
  });

  it('an upgrade is authorized like any request', async () => {
    const guarded = await upgrade(mesh.ports('web-v1').egressPort, 'echo', '/internal/ws');
    assert.equal(guarded.status, 403);
    const stranger = await upgrade(mesh.ports('other-v1').egressPort, 'echo', '/ws');
    assert.equal(stranger.status, 403);
  });

  it('the certificate of the test is taken as web: what follows is refused for its own reason', async () => {
    assert.match(await ingress(get('/hello')), /^HTTP\/1.1 200/);
  });

  for (const path of [
    '//internal/x',
    '/public/../internal/x',
    '/public/%2e%2e/internal/x',
    '/%69nternal/x',
    '/internal%2Fx',
    '/public%2F..%2Finternal%2Fx',
    '/internal%5Cx',
    '\\internal\\x',
    '/public/..%252finternal/x',
    '/internal%00.jpg',
    '/internal;a=b/x',
    '/public/%c0%ae%c0%ae/internal/x',
    '/internal/x?y=/public',
    '/internal/x#fragment',
    '/./internal/x',
    '/internal//x',
    '/public/..;/internal/x',
    'http://echo/internal/x',
    'http://other/internal/x',
  ]) {
    it(`"${path}" does not reach what is internal`, async () => {
      const before = (await seen()).length;
      const answer = await ingress(get(path));
      const reached = (await seen()).slice(before).map(({ url }) => url);
      assert.deepEqual(
        reached.filter((url) => decoded(url).startsWith('/internal')),
        [],
      );
      assert.doesNotMatch(answer, /^HTTP\/1.1 200/);
    });
  }

  it('dots in a query are data', async () => {
    assert.match(await ingress(get('/public?/../internal')), /^HTTP\/1.1 200/);
  });

  for (const [name, bytes] of [
    [
      'content-length and transfer-encoding',
      smuggled('transfer-encoding: chunked\r\ncontent-length: 4\r\n'),
    ],
    ['two lengths', smuggled('content-length: 0\r\ncontent-length: 40\r\n')],
    ['a chunked that is not last', smuggled('transfer-encoding: chunked, identity\r\n')],
    ['a space before the colon', get('/a', 'x-a : b\r\n')],
    ['a NUL in a header', get('/a', 'x-a: b\0c\r\n')],
    ['an underscore in a header', get('/a', 'x_role: admin\r\n')],
    ['a second host', get('/a', 'host: other\r\n')],
    ['a small-letter method', 'get /a HTTP/1.1\r\nhost: echo\r\n\r\n'],
    ['no host', 'GET /a HTTP/1.1\r\n\r\n'],
  ] as const) {
    it(`${name} is not forwarded as a request of its own`, async () => {
      const before = (await seen()).length;
      await ingress(bytes);
      const reached = (await seen()).slice(before);
      assert.deepEqual(
        reached.filter(({ url, host }) => url === '/smuggled' || host !== 'echo'),
        [],
      );
      if (!name.includes('length')) assert.deepEqual(reached, []);
    });
  }

  it('a forged client certificate header and forged verdicts do not reach the application', async () => {
    const before = (await seen()).length;
    const forged =
      'x-forwarded-client-cert: URI=spiffe://wire.test/admin\r\nx-chancery-code: CH0000\r\n';
    assert.match(await ingress(get('/forged', forged)), /^HTTP\/1.1 200/);
    const [request] = (await seen()).slice(before);
    assert.doesNotMatch(String(request?.xfcc), /admin/);
    assert.equal(request?.code, undefined);
    const denied = await sign(['spiffe://wire.test/other']);
    const asWeb = 'x-forwarded-client-cert: URI=spiffe://wire.test/web\r\n';
    assert.match(await ingress(get('/forged', asWeb), denied), /^HTTP\/1.1 403/);
  });

  for (const [name, uris] of [
    ['two URI names', ['spiffe://wire.test/web', 'spiffe://wire.test/other']],
    ['two URI names, the caller second', ['spiffe://wire.test/other', 'spiffe://wire.test/web']],
    ['a trust domain without a path', ['spiffe://wire.test']],
    ['another trust domain', ['spiffe://elsewhere.test/web']],
    ['capitals in the trust domain', ['spiffe://WIRE.test/web']],
    ['a trailing slash', ['spiffe://wire.test/web/']],
    ['a query', ['spiffe://wire.test/web?x=1']],
    ['another scheme', ['https://wire.test/web']],
  ] as const) {
    it(`a peer certificate with ${name} is refused`, async () => {
      const before = (await seen()).length;
      const answer = await ingress(get('/as-peer'), await sign(uris));
      assert.doesNotMatch(answer, /^HTTP\/1.1 200/);
      assert.deepEqual((await seen()).slice(before), []);
    });
  }
});

function smuggled(headers: string): string {
  return `POST /a HTTP/1.1\r\nhost: echo\r\n${headers}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: echo\r\n\r\n`;
}

function decoded(url: string): string {
  try {
    return new URL(decodeURIComponent(url).replaceAll('\\', '/'), 'http://echo').pathname;
  } catch {
    return url;
  }
}

function upgrade(
  port: number,
  host: string,
  path: string,
): Promise<{ readonly status: number; readonly socket: Socket }> {
  return new Promise((resolve, reject) => {
    const headers = { host, connection: 'Upgrade', upgrade: 'websocket' };
    const request = http.get({ host: '127.0.0.1', port, path, headers });
    request.once('upgrade', (response, socket) =>
      resolve({ status: response.statusCode ?? 0, socket: socket as Socket }),
    );
    request.once('response', (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, socket: response.socket });
    });
    request.once('error', reject);
  });
}

async function echoed(socket: Socket, text: string): Promise<string> {
  let back = '';
  const take = (chunk: Buffer): void => {
    back += chunk.toString('utf8');
  };
  socket.on('data', take);
  socket.write(text);
  await eventually(
    () => back.length >= text.length,
    3_000,
    () => `only "${back}" came back`,
  );
  socket.off('data', take);
  return back;
}
