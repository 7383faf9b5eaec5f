import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { intentFolder } from '../support/intents.ts';
import { entry } from '../support/repo-server.ts';
import { RunningMesh } from '../support/running-mesh.ts';

const app =
  "require('node:http').createServer((q, s) => s.end('here')).listen(process.env.PORT, '127.0.0.1');\n";
const files = {
  'mesh.yaml': 'mesh: first\ntrust_domain: first.test\n',
  'services/api.yaml': [
    'service: api\nowner: t\nprotocol: http\nport: 15963\nhealth: GET /\nrun: node app.js',
    'tests:\n  - { from: api, request: GET /, expect: allow }\n',
  ].join('\n'),
  'app.js': app,
};
const mended = [
  'service: web\nowner: t\nprotocol: http\nport: 15964\nhealth: GET /\nrun: node app.js',
  'allow:\n  - { id: api, from: api, to: GET /** }\n',
].join('\n');

function chancery(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [entry, ...args], { timeout: 60_000 }, (error, out, err) => {
      done({ code: Number(error?.code ?? 0), out, err });
    });
  });
}

describe('a first start whose commit a gate refuses', () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  before(() => {
    const [dir, remove] = intentFolder(files);
    removeFolder = remove;
    mesh = new RunningMesh(dir);
  });
  after(async () => {
    await mesh.remove();
    removeFolder();
  });

  it('up --check says why, and ends with 1', async () => {
    const { code, err } = await chancery('up', mesh.dir, '--check');
    assert.equal(code, 1);
    assert.match(err, /error\[CH4201\]/);
    assert.match(err, /services\/api\.yaml:8/);
  });

  it('up says why at once, and waits; status and revision list answer', async () => {
    mesh.start();
    await mesh.said(/refused [0-9a-f]{12} the mesh; nothing runs yet/);
    await mesh.said(/error\[CH4201\]/);
    await mesh.said(/services\/api\.yaml:8/);
    const status = await chancery('status', mesh.dir);
    assert.equal(status.code, 2);
    assert.match(status.out, /refused: [0-9a-f]{12} \(CH4201\)/);
    const list = await chancery('revision', 'list', mesh.dir);
    assert.equal(list.code, 2);
    assert.match(list.out, /refused/);
    const hosts = await chancery('host', 'list', mesh.dir);
    assert.equal(hosts.code, 1);
    assert.match(hosts.err, /CH5444.*CH4201/s);
  });

  it('the commit that mends it runs by itself, also what is new in it', async () => {
    mesh.edit('services/api.yaml', (text) => text.replace(/tests:\n.*\n/, ''));
    mesh.add('services/web.yaml', mended);
    mesh.commit('mended');
    await mesh.said(/green in/);
    assert.equal((await mesh.ask('api-v1', 'web', 'GET', '/')).body, 'here');
  });

  it('a machine that is started anew comes up with what ran, whatever was committed meanwhile', async () => {
    await mesh.end();
    mesh.output.length = 0;
    mesh.edit('services/web.yaml', (text) => `${text}nonsense: true\n`);
    mesh.commit('nonsense');
    const check = await chancery('up', mesh.dir, '--check');
    assert.equal(check.code, 1);
    await mesh.up();
    assert.match(
      mesh.output.join(''),
      /error\[CH1010\].*the last good commit goes on: [0-9a-f]{12} mended/s,
    );
    assert.equal((await mesh.ask('api-v1', 'web', 'GET', '/')).body, 'here');
    const status = await chancery('status', mesh.dir);
    assert.match(status.out, /refused: [0-9a-f]{12} \(CH1010\)/);
    mesh.edit('services/web.yaml', (text) => text.replace('nonsense: true\n', ''));
    mesh.commit('mended again');
    await mesh.said(/live +[0-9a-f]{12}/);
  });
});
