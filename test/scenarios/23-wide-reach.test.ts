import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { intentFolder } from '../support/intents.ts';
import { RunningMesh } from '../support/running-mesh.ts';
import { idleName, wide, wideMesh } from '../support/wide-mesh.ts';

/** Answers how many bytes the body had. */
const app =
  "require('node:http').createServer((q, s) => { let n = 0; q.on('data', (c) => { n += c.length; }).on('end', () => s.end(String(n))); }).listen(process.env.PORT, '127.0.0.1');\n";

describe('a service that may call very many, on the real Envoy', () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  before(async () => {
    const files = wideMesh(wide);
    for (const name of ['web', 'api']) {
      files[`services/${name}.yaml`] +=
        `run: node app.js\n${name === 'api' ? 'health: GET /\n' : ''}`;
    }
    const [dir, remove] = intentFolder({ ...files, 'app.js': app });
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up('--watch', '0s');
  });
  after(async () => {
    await mesh.remove();
    removeFolder();
  });

  const clusters = async (): Promise<readonly string[]> => {
    const text = await mesh.admin('web-v1', '/clusters');
    const names = text.split('\n').map((line) => line.split('::')[0] ?? '');
    return [...new Set(names)].filter((name) => name.includes('/')).sort();
  };

  it('has no cluster before the first request, which is held until its own is there', async () => {
    assert.deepEqual(await clusters(), []);
    const body = 'a'.repeat(100_000);
    const first = await mesh.ask('web-v1', 'api', 'POST', '/', body);
    assert.deepEqual([first.status, first.body], [200, String(JSON.stringify(body).length)]);
    assert.deepEqual(await clusters(), ['api/v1']);
  });

  it('answers a service without instances as always, and has its cluster then', async () => {
    const { status, body } = await mesh.ask('web-v1', idleName(3), 'GET', '/');
    assert.equal(status, 503);
    assert.match(body, /CH4103/);
    assert.deepEqual(await clusters(), ['api/v1', `${idleName(3)}/v1`]);
  });

  it('denies what may not be called with the usual reason, and asks for no cluster', async () => {
    for (const [name, expected, code] of [
      ['closed', 403, /CH2103/],
      ['nobody', 404, /CH21\d\d/],
    ] as const) {
      const { status, body } = await mesh.ask('web-v1', name, 'GET', '/');
      assert.equal(status, expected, name);
      assert.match(body, code);
    }
    assert.equal((await clusters()).length, 2);
  });

  it('a commit that changes a cluster reaches who has it, and one that leaves fewer sends them all', async () => {
    mesh.edit('mesh.yaml', (text) => `${text}defaults: { connect_timeout: 3s }\n`);
    mesh.commit('more patience');
    await mesh.live();
    assert.match(
      await mesh.admin('web-v1', '/config_dump?resource=dynamic_active_clusters'),
      /"3s"/,
    );
    assert.equal((await mesh.ask('web-v1', 'api', 'GET', '/')).status, 200);
    mesh.git('rm', '--quiet', `services/${idleName(0)}.yaml`);
    mesh.commit('one fewer');
    await mesh.live();
    assert.equal((await clusters()).length, wide - 1);
    assert.equal((await mesh.ask('web-v1', 'api', 'GET', '/')).status, 200);
  });
});
