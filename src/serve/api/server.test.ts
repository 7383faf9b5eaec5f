import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ChanceryError } from '../../base/error.ts';
import { callApi, followApi } from './client.ts';
import { type ApiHandler, createApiServer, type Send } from './server.ts';

describe('the control API', () => {
  let dir = '';
  let socketPath = '';
  let sendLine: Send = () => false;
  let closed = 0;
  const handler: ApiHandler = async ({ method, path, body, query }) => {
    if (path === '/echo') return { kind: 'json', body: { method, body, q: query.get('q') } };
    if (path === '/throws') throw new Error('a part broke');
    if (path === '/lines') {
      return {
        kind: 'stream',
        open: (send) => {
          sendLine = send;
          send({ n: 1 });
          return () => {
            closed += 1;
          };
        },
      };
    }
    const finding = { code: 'CH5405', severity: 'error', message: `there is no ${path}` } as const;
    return { kind: 'refused', status: 404, finding };
  };
  const server = createApiServer(handler);
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'api-'));
    socketPath = join(dir, 'control.sock');
    server.listen(socketPath);
    await once(server, 'listening');
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true });
  });

  const codeOf = async (call: Promise<unknown>): Promise<string> => {
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof ChanceryError, String(error));
    return error.finding.code;
  };

  it('a body and a query arrive as they were sent', async () => {
    const answer = await callApi(socketPath, { method: 'POST', path: '/echo?q=a', body: { x: 1 } });
    assert.deepEqual(answer, { method: 'POST', body: { x: 1 }, q: 'a' });
  });

  it('a refusal keeps its code', async () => {
    assert.equal(await codeOf(callApi(socketPath, { method: 'GET', path: '/none' })), 'CH5405');
  });

  it('a part that breaks is an answer with a code, and the next call is served', async () => {
    assert.equal(await codeOf(callApi(socketPath, { method: 'GET', path: '/throws' })), 'CH5400');
    await callApi(socketPath, { method: 'GET', path: '/echo' });
  });

  it('a server that is away is named with its socket', async () => {
    const nowhere = join(dir, 'nowhere.sock');
    assert.equal(await codeOf(callApi(nowhere, { method: 'GET', path: '/echo' })), 'CH5402');
  });

  for (const [name, body] of [
    ['not JSON', '{"x":'],
    ['longer than the limit', `"${'x'.repeat(5 * 1024 * 1024)}"`],
  ] as const) {
    it(`a body that is ${name} is refused`, async () => {
      const call = request({ socketPath, method: 'POST', path: '/echo' });
      call.on('error', () => {});
      call.end(body);
      const [response] = (await once(call, 'response')) as [{ statusCode: number; resume(): void }];
      response.resume();
      assert.equal(response.statusCode, 400);
    });
  }

  it('a stream gives its lines as they come and ends with its reader', async () => {
    const lines: unknown[] = [];
    const ended = new AbortController();
    const following = followApi(
      socketPath,
      '/lines',
      (line) => {
        lines.push(line);
        if (lines.length === 1) sendLine({ n: 2 });
        else ended.abort();
      },
      ended.signal,
    );
    await following;
    assert.deepEqual(lines, [{ n: 1 }, { n: 2 }]);
    for (let turn = 0; turn < 100 && closed === 0; turn += 1) {
      await new Promise((wake) => setTimeout(wake, 10));
    }
    assert.equal(closed, 1);
    assert.equal(sendLine({ n: 3 }), false);
  });

  it('a reader that gives up while its stream is being opened does not wait for it', async () => {
    const ended = new AbortController();
    const following = followApi(socketPath, '/lines', () => {}, ended.signal);
    ended.abort();
    await following;
  });
});
