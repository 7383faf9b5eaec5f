import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { intentFolder } from '../support/intents.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

/** A server that speaks first, as mail and database servers do, and two callers of which one is let in. */
const files: Readonly<Record<string, string>> = {
  'mesh.yaml': 'mesh: wires\ntrust_domain: wires.test\n',
  'services/db.yaml':
    'service: db\nowner: data\nprotocol: tcp\nport: 15951\nhealth: connect\nrun: node db.js\n' +
    'allow:\n  - from: web\n',
  'services/web.yaml':
    'service: web\nowner: web\nprotocol: http\nport: 15952\nhealth: GET /\nrun: node web.js\n' +
    'allow:\n  - { from: probe, to: GET /** }\ncalls:\n  - { service: db, local_port: 15953 }\n',
  'services/probe.yaml':
    'service: probe\nowner: web\nprotocol: http\nport: 15954\nhealth: GET /\nrun: node web.js\n',
  'db.js':
    "require('node:net').createServer((s) => { s.on('error', () => {}); s.write('hello\\n'); s.pipe(s); }).listen(process.env.PORT, '127.0.0.1');\n",
  'web.js':
    "require('node:http').createServer((q, s) => s.end('ok')).listen(process.env.PORT, '127.0.0.1');\n",
};

describe('a tcp service, and the working tree with --dev', () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  before(async () => {
    const [dir, remove] = intentFolder(files);
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up('--dev');
  });
  after(async () => {
    await mesh.remove();
    removeFolder();
  });

  it('a server that speaks first is heard at once on the local port', async () => {
    assert.equal(await firstLine(15_953), 'hello\n');
  });

  it('a caller that loses its permission is refused at the next connection', async () => {
    mesh.edit('services/db.yaml', (text) => text.replace('from: web', 'from: probe'));
    await mesh.said(/live +working-[0-9a-f]+ on \d/);
    await eventually(
      async () => (await firstLine(15_953)) === '',
      5_000,
      () => 'the connection is still let in',
    );
    mesh.edit('services/db.yaml', (text) => text.replace('from: probe', 'from: web'));
    await eventually(
      async () => (await firstLine(15_953)) === 'hello\n',
      5_000,
      () => 'the permission does not come back',
    );
  });

  it('an edit without a commit is live', async () => {
    assert.equal((await mesh.ask('probe-v1', 'web', 'GET', '/')).status, 200);
    mesh.edit('services/web.yaml', (text) => text.replace('GET /**', 'GET /only'));
    await eventually(
      async () => (await mesh.ask('probe-v1', 'web', 'GET', '/')).status === 403,
      5_000,
      () => 'the edit is not live',
    );
  });
});

/** What comes first on a connection; empty when it is closed without a word. */
function firstLine(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const done = (text: string): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(3_000, () => done('nothing in 3 s'));
    socket.once('data', (chunk: Buffer) => done(chunk.toString('utf8')));
    socket.once('close', () => done(''));
    socket.once('error', () => done(''));
  });
}
