import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
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
    'services/web.yaml': 'service: web\nowner: t\nprotocol: http\nport: 8080\n',
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
      // No proxy is there: the ledger says so.
      if (status === 404) return assert.match(said, /"code":"CH5430"/);
      assert.equal(status, 200, said);
      const content = document.paths[path]?.['get']?.responses['200']?.content ?? {};
      const { schema } = content['application/json'] ?? {};
      if (schema === undefined) return;
      assert.equal(misfit(schema, JSON.parse(said), document.components.schemas), undefined);
    });
  }
});
