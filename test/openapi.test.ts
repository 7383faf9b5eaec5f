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

  it('no name, however wrong, is answered with a fault of ours', async () => {
    for (const { method, path } of routes.filter((route) => route.path.includes('{name}'))) {
      for (const name of ['%', '%ff', '%00', '%2e%2e%2f', '__proto__', 'x'.repeat(3_000)]) {
        const { status, text: said } = await call(method, path.replace('{name}', name));
        assert.ok(status < 500, `${path} ${name.slice(0, 20)}: ${status} ${said.slice(0, 300)}`);
      }
    }
  });

  it('no body, however wrong, is answered with a fault of ours', async () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const bodies = [
      ...[
        '',
        '{',
        'null',
        '[]',
        '0',
        '"x"',
        '{}',
        deep,
        '\u0000',
        '{"by":null}',
        '{"__proto__":{}}',
      ],
      ...['{"constructor":1}', '{"by":"a","by":{}}', `{"by":"${'x'.repeat(9_000)}"}`],
      // Of the right shape, and still without sense.
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
    ];
    const names = ['nobody', '__proto__', '%00', '%2e%2e', 'x'.repeat(3_000)];
    for (const { method, path } of routes.filter((route) => route.method === 'POST')) {
      for (const body of bodies) {
        for (const name of path.includes('{name}') ? names : ['']) {
          const { status, text: said } = await call(method, path.replace('{name}', name), body);
          const shown = `${path} ${name.slice(0, 20)} ${body.slice(0, 80)}: ${status} ${said.slice(0, 300)}`;
          assert.ok(status >= 400 && status < 500, shown);
          assert.match(said, /"code":"CH\d{4}"/, shown);
        }
      }
    }
  });
});
