import assert from 'node:assert/strict';
import http from 'node:http';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { intentFolder } from '../support/intents.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

/** An application that echoes what comes over an upgraded connection. */
const echo = `
const http = require('node:http');
const server = http.createServer((q, s) => s.end('ok ' + q.url));
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

describe('a WebSocket', () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  before(async () => {
    const [dir, remove] = intentFolder(files);
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up();
  });
  after(async () => {
    await mesh.remove();
    removeFolder();
  });

  it('goes through both proxies and outlives a commit', async () => {
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

  it('is authorized like any request', async () => {
    const guarded = await upgrade(mesh.ports('web-v1').egressPort, 'echo', '/internal/ws');
    assert.equal(guarded.status, 403);
    const stranger = await upgrade(mesh.ports('other-v1').egressPort, 'echo', '/ws');
    assert.equal(stranger.status, 403);
  });
});

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
