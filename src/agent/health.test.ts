import assert from 'node:assert/strict';
import http from 'node:http';
import { createServer } from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { it } from 'node:test';
import { type Health, nextHealth, probe } from './health.ts';

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

const get = { kind: 'http', method: 'GET' } as const;

it('an application is healthy by a status of 200 to 399', async () => {
  const server = http.createServer((request, response) =>
    response.writeHead(request.url === '/healthz' ? 204 : 503).end(),
  );
  const port = await listening(server);
  assert.deepEqual(await probe({ ...get, path: '/healthz' }, port), { ok: true });
  assert.deepEqual(await probe({ ...get, path: '/other' }, port), {
    ok: false,
    reason: 'GET /other answered 503',
  });
  server.close();
});

it('one that speaks HTTP/2 alone is asked so', async () => {
  const server = createServer((request, response) =>
    response.writeHead(request.url === '/healthz' ? 200 : 500).end(),
  );
  const port = await listening(server);
  const over = 'http2';
  assert.deepEqual(await probe({ ...get, path: '/healthz', over }, port), { ok: true });
  assert.deepEqual(await probe({ ...get, path: '/other', over }, port), {
    ok: false,
    reason: 'GET /other answered 500',
  });
  assert.equal((await probe({ ...get, path: '/healthz' }, port)).ok, false);
  assert.deepEqual(await probe({ kind: 'grpc' }, port), { ok: true });
  server.close();
});

it('one that accepts and says nothing is not healthy, and one that listens is by `connect`', async () => {
  const silent = net.createServer(() => {});
  const port = await listening(silent);
  const over = 'http2';
  assert.deepEqual(await probe({ ...get, path: '/', over }, port), {
    ok: false,
    reason: 'GET / timed out',
  });
  assert.deepEqual(await probe({ kind: 'connect' }, port), { ok: true });
  silent.close();
  assert.equal((await probe({ kind: 'connect' }, 1)).ok, false);
});

it('a probe that could not be made for want of descriptors says nothing of the application', () => {
  const unasked = { ok: false, reason: 'EMFILE', isUnasked: true } as const;
  const known: readonly Health[] = [
    { kind: 'healthy', failures: 1 },
    { kind: 'unhealthy', reason: 'GET /healthz answered 503' },
  ];
  for (const health of known) assert.deepEqual(nextHealth(health, unasked), health);
  const fresh = nextHealth({ kind: 'unknown', reason: '' }, unasked);
  assert.deepEqual(fresh, { kind: 'unknown', reason: 'EMFILE' });
});
