import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EnvoyAdmin } from './admin.ts';
import { resolveEnvoy } from './resolve.ts';

const dir = mkdtempSync(join(tmpdir(), 'chancery-admin-'));
const socket = join(dir, 'admin');
const servers: Server[] = [];
let envoy: ChildProcess;

before(async () => {
  const { path } = await resolveEnvoy({ env: process.env, onProgress: () => {} });
  const config = join(dir, 'bootstrap.json');
  writeFileSync(
    config,
    JSON.stringify({
      node: { id: 'till', cluster: 'shop' },
      admin: { address: { pipe: { path: socket } } },
    }),
  );
  envoy = spawn(path, ['-c', config, '--use-dynamic-base-id', '--concurrency', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise<void>((ready, reject) => {
    let log = '';
    envoy.stderr?.on('data', (chunk: Buffer) => {
      log += chunk.toString('utf8');
      if (log.includes('starting main dispatch loop')) ready();
    });
    envoy.once('exit', () => reject(new Error(log)));
  });
});

after(async () => {
  for (const server of servers) server.close();
  const gone = new Promise((done) => envoy.once('exit', done));
  envoy.kill();
  await gone;
  rmSync(dir, { recursive: true });
});

describe('the admin of a real Envoy', () => {
  const admin = new EnvoyAdmin({ kind: 'socket', path: socket });

  it('is ready and live', async () => {
    assert.deepEqual(await admin.ready(), { ok: true, value: { ready: true, state: 'LIVE' } });
  });

  it('gives the numbers that match, and only those', async () => {
    const found = await admin.stats('^server\\.(live|concurrency)$');
    assert.ok(found.ok);
    assert.deepEqual([...found.value].sort(), [
      ['server.concurrency', 1],
      ['server.live', 1],
    ]);
  });

  it('refuses a pattern that is none, with its words', async () => {
    const found = await admin.stats('(');
    assert.ok(!found.ok && found.error.kind === 'refused');
    assert.equal(found.error.status, 400);
    assert.match(found.error.text, /missing \)|regex/i);
  });

  it('dumps its configuration', async () => {
    const found = await admin.configDump();
    assert.ok(found.ok);
    assert.match(JSON.stringify(found.value), /BootstrapConfigDump/);
  });

  it('lists its certificates', async () => {
    assert.deepEqual(await admin.certs(), { ok: true, value: { certificates: [] } });
  });

  it('takes commands', async () => {
    assert.deepEqual(await admin.reopenLogs(), { ok: true, value: undefined });
    assert.deepEqual(await admin.drainListeners('gracefully'), { ok: true, value: undefined });
  });
});

describe('an admin that fails', () => {
  it('is absent when its socket is not there', async () => {
    const found = await new EnvoyAdmin({ kind: 'socket', path: join(dir, 'none') }).ready();
    assert.ok(!found.ok && found.error.kind === 'absent');
    assert.match(found.error.reason, /ENOENT/);
  });

  it('is not ready while it starts', async () => {
    const admin = await fake((_request, response) => response.writeHead(503).end('INITIALIZING\n'));
    assert.deepEqual(await admin.ready(), {
      ok: true,
      value: { ready: false, state: 'INITIALIZING' },
    });
  });

  it('is given up when it does not answer in time', async () => {
    const admin = await fake(() => {}, 30);
    assert.deepEqual(await admin.ready(), {
      ok: false,
      error: { kind: 'silent', reason: 'no answer within 30 ms' },
    });
  });

  it('is given up when its body drips on past the limit', async () => {
    const admin = await fake((_request, response) => {
      const drip = setInterval(() => response.write('x'), 5);
      response.once('close', () => clearInterval(drip));
    }, 60);
    assert.deepEqual(await admin.configDump(), {
      ok: false,
      error: { kind: 'silent', reason: 'no answer within 60 ms' },
    });
  });

  it('is unreadable when its dump is no JSON', async () => {
    const admin = await fake((_request, response) => response.end('{"configs": ['));
    const found = await admin.configDump();
    assert.ok(!found.ok);
    assert.equal(found.error.kind, 'unreadable');
  });

  it('is unreachable when it cuts its answer off', async () => {
    const admin = await fake((_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half');
      response.destroy();
    });
    const found = await admin.configDump();
    assert.ok(!found.ok);
    assert.equal(found.error.kind, 'unreachable');
  });
});

async function fake(handler: RequestListener, timeoutMs = 5_000): Promise<EnvoyAdmin> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return new EnvoyAdmin({ kind: 'loopback', port }, { timeoutMs });
}
