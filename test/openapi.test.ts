import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { createClient } from '../src/client/client.ts';
import { nodeTransport } from '../src/serve/api/client.ts';
import { routes } from '../src/serve/api/routes.ts';
import { clientTypes } from '../tools/openapi/client-types.ts';
import { openApiText } from '../tools/openapi/document.ts';
import { LoneControlPlane } from './support/control-plane.ts';
import { misfit, type Schema } from './support/json-schema.ts';
import { eventually } from './support/running-mesh.ts';

interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, { content: Record<string, { schema: Schema }> }>;
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Schema> };
}

const web = 'service: web\nowner: t\nprotocol: http\nport: 8080\n';
const text = readFileSync('schema/openapi.json', 'utf8');
const document = JSON.parse(text) as Document;

describe('the OpenAPI document', () => {
  it('is in step with the route table and the wire types', () => {
    assert.equal(text, openApiText(), 'run: npm run openapi');
  });

  it('names each operation once', () => {
    const ids = Object.values(document.paths).flatMap((one) =>
      Object.values(one).map(({ operationId }) => operationId),
    );
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(ids.length, routes.length);
  });

  it('is what the types of the client are made of', async () => {
    const types = readFileSync('src/client/gen/api.ts', 'utf8');
    assert.equal(types, await clientTypes(text), 'run: npm run openapi');
  });

  it('is the only way of the commands to a control plane; the agent has an API of its own', () => {
    const byHand = globSync('src/cli/*.ts').flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/\bpaths\.\w+|\b(?:callApi|followApi)\(/g)].map(
        ([call]) => `${file}: ${call}`,
      ),
    );
    assert.deepEqual(byHand.sort(), [
      'src/cli/host.ts: callApi(',
      'src/cli/host.ts: paths.agentHealth',
    ]);
  });
});

describe('a control plane and its OpenAPI document', () => {
  const plane = new LoneControlPlane({
    'mesh.yaml': 'mesh: ops\ntrust_domain: ops.test\n',
    'services/web.yaml': web,
  });
  before(async () => {
    await plane.start();
    await plane.join('web-1');
    await eventually(
      async () => (await plane.hosts()).get('web-1')?.health !== undefined,
      20_000,
      () => 'the host does not report',
    );
    await plane.chancery('token', 'create', 'bot', plane.intentDir, '--role', 'viewer');
  });
  after(() => plane.remove());

  const call = (method: string, path: string, body = '') =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request({ socketPath: plane.controlSocket, method, path }, (response) => {
        let said = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          said += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: said }));
      });
      sent.once('error', reject).end(body);
    });

  for (const { method, path, reply } of routes.filter((route) => route.method === 'GET')) {
    if (reply.startsWith('lines of ')) continue;
    it(`what ${path} answers is what is documented`, async () => {
      const { status, text: said } = await call(method, path.replace('{name}', 'web-1'));
      // No proxy is there, and no grant: the answer says so.
      if (status === 404) return assert.match(said, /"code":"CH(?:5430|4234)"/);
      assert.equal(status, 200, said);
      const content = document.paths[path]?.['get']?.responses['200']?.content ?? {};
      const { schema } = content['application/json'] ?? {};
      if (schema === undefined) return;
      assert.equal(misfit(schema, JSON.parse(said), document.components.schemas), undefined);
    });
  }

  /** What each POST takes so that it does something here; undefined: there is nothing that it could do. */
  const works: Readonly<Record<string, { readonly name?: string; readonly body: object }>> = {
    '/v1/join-tokens': { body: { host: 'web-2', ttlSeconds: 60, replaces: false } },
    '/v1/hosts/{name}/ban': { name: 'web-1', body: { reason: 'r' } },
    '/v1/hosts/{name}/evict': { name: 'web-1', body: { reason: '' } },
    '/v1/breakglass': { body: { who: 'web', callee: 'web', forMs: 60_000, reason: 'r' } },
    '/v1/tokens': { body: { name: 'other', role: 'viewer', ttlSeconds: 60 } },
    '/v1/tokens/{name}/revoke': { name: 'bot', body: {} },
    '/v1/ca/requests': { body: { replace: false } },
    '/v1/ca/steps': { body: { step: 'prepare', what: 'intermediate', driven: 'hand' } },
  };
  for (const { method, path } of routes.filter((route) => route.method === 'POST')) {
    it(`what POST ${path} answers is what is documented, also where it refuses`, async () => {
      const { name = 'nobody', body } = works[path] ?? { body: {} };
      const said = await call(method, path.replace('{name}', name), JSON.stringify(body));
      assert.equal(said.status === 200, path in works, `${said.status} ${said.text}`);
      const answers = document.paths[path]?.['post']?.responses;
      const answer = answers?.[said.status] ?? answers?.['default'];
      const { schema } = answer?.content['application/json'] ?? {};
      assert.ok(schema !== undefined);
      assert.equal(misfit(schema, JSON.parse(said.text), document.components.schemas), undefined);
    });
  }

  it('each line of /v1/events is what is documented', async () => {
    const lines: { readonly kind: string }[] = [];
    const ended = new AbortController();
    const api = createClient(nodeTransport(plane.controlSocket));
    const following = api.follow('/v1/events', (line) => lines.push(line), ended.signal);
    const said = (kind: string) =>
      eventually(
        () => lines.some((line) => line.kind === kind),
        20_000,
        () => `no ${kind}: ${JSON.stringify(lines)}`,
      );
    // What comes before a stream is open is not told in it.
    await eventually(
      async () => {
        plane.write('services/web.yaml', `${web}description: at ${performance.now()}\n`);
        return lines.some(({ kind }) => kind === 'accepted');
      },
      20_000,
      () => 'no commit is accepted',
    );
    plane.write('services/web.yaml', `${web}colour: red\n`);
    await said('refused');
    ended.abort();
    await following;
    const { schema } =
      document.paths['/v1/events']?.['get']?.responses['200']?.content['application/x-ndjson'] ??
      {};
    assert.ok(schema !== undefined);
    for (const line of lines) {
      assert.equal(misfit(schema, line, document.components.schemas), undefined);
    }
  });
});
