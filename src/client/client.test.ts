import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ChanceryError } from '../base/error.ts';
import { guarded } from '../serve/api/guard.ts';
import { type ApiRequest, refused, serveRequest } from '../serve/api/server.ts';
import { type ApiClient, createClient } from './client.ts';
import { fetchTransport } from './fetch.ts';

const kinds = ['connected', 'disconnected'] as const;

/** The guard with the route table, over plain HTTP, behind what a browser calls. */
describe('the client of the OpenAPI document, over fetch', () => {
  const asked: ApiRequest[] = [];
  const handler = guarded(
    async (request) => {
      asked.push(request);
      if (request.path === '/v1/events') {
        return {
          kind: 'stream',
          open: (send, end) => {
            for (const kind of kinds) send({ kind, proxy: 'prôxy-1' });
            const timer = setImmediate(end);
            return () => clearImmediate(timer);
          },
        };
      }
      if (request.path === '/metrics') {
        return { kind: 'text', contentType: 'text/plain', text: 'up 1\n' };
      }
      if (request.path.includes('gone')) return refused(404, { code: 'CH3110', message: 'gone' });
      return { kind: 'json', body: { hosts: [], entries: [] } };
    },
    () => {},
  );
  const server = createServer((request, response) => {
    const isKnown = request.headers.authorization === 'Bearer secret';
    const peer = isKnown
      ? ({ kind: 'caller', name: 'token a', role: 'admin' } as const)
      : ({ kind: 'anonymous', reason: 'no token came' } as const);
    serveRequest(handler, peer, request, response);
  });
  let origin = '';
  let api: ApiClient;
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    api = createClient(fetchTransport({ fetch, origin, token: () => 'secret' }));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('puts names, parameters and bodies where they belong, whatever they hold', async () => {
    await api.get('/v1/ledger', { query: { kind: ['a', 'b'], subject: 'x&y=z', limit: 5 } });
    const [last] = asked.slice(-1);
    assert.deepEqual(last?.query.getAll('kind'), ['a', 'b']);
    assert.equal(last?.query.get('subject'), 'x&y=z');
    const name = 'a/b?c#d é';
    await api.post('/v1/hosts/{name}/ban', { path: { name }, body: { reason: 'r' } });
    const [call] = asked.slice(-1);
    assert.equal(call?.path, `/v1/hosts/${encodeURIComponent(name)}/ban`);
    assert.deepEqual(call?.body, { reason: 'r', by: 'token a' });
  });

  it('a path, parameter or body that is not in the document does not compile', async () => {
    const wrong = (): unknown[] => [
      // @ts-expect-error: no such path
      api.get('/v1/nothing'),
      // @ts-expect-error: the name is missing
      api.get('/v1/hosts/{name}'),
      // @ts-expect-error: a time is a number
      api.get('/v1/status', { query: { at: 'yesterday' } }),
      // @ts-expect-error: no such parameter
      api.get('/v1/ledger', { query: { before: 1 } }),
      // @ts-expect-error: no such role
      api.post('/v1/tokens', { body: { name: 'a', role: 'root', ttlSeconds: 1 } }),
      // @ts-expect-error: the body is missing
      api.post('/v1/approvals'),
      // @ts-expect-error: it is not read
      api.post('/v1/hosts'),
    ];
    assert.equal(typeof wrong, 'function');
  });

  it('a refusal is its finding, and a control plane that is away is CH5402', async () => {
    const gone = api.get('/v1/hosts/{name}', { path: { name: 'gone' } });
    await assert.rejects(gone, codeIs('CH3110'));
    const stranger = createClient(fetchTransport({ fetch, origin, token: () => undefined }));
    await assert.rejects(stranger.get('/v1/hosts'), codeIs('CH5432'));
    const nowhere = fetchTransport({ fetch, origin: 'http://127.0.0.1:1', token: () => undefined });
    await assert.rejects(createClient(nowhere).get('/v1/hosts'), codeIs('CH5402'));
  });

  it('reads text, and follows lines to their end', async () => {
    assert.equal(await api.text('/metrics'), 'up 1\n');
    const seen: string[] = [];
    const { signal } = new AbortController();
    const take = (event: { readonly kind: string }): void => void seen.push(event.kind);
    // The server cuts the stream off: that is an error of a stream nobody ended.
    await assert.rejects(api.follow('/v1/events', take, signal));
    assert.deepEqual(seen, kinds);
  });

  it('a stream that its reader ends is no error', async () => {
    const ended = new AbortController();
    await api.follow('/v1/events', () => ended.abort(), ended.signal);
  });
});

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ChanceryError && error.code === code;
}
