import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { StatusReply, WorkloadStatus } from '../../src/serve/api/wire.ts';
import { firstLine } from '../support/first-line.ts';
import { intentFolder } from '../support/intents.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

const run = promisify(execFile);

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

  it('who cannot bind a listener is shown with its line and the reason, until it can', async () => {
    process.kill(mesh.proxyPid('web-v1'), 'SIGKILL');
    const release = await take(15_953);
    const web = async (): Promise<WorkloadStatus | undefined> => {
      const { workloads } = JSON.parse(await status(mesh.dir, '--json')) as StatusReply;
      return workloads.find(({ workload }) => workload.id === 'web-v1');
    };
    await eventually(
      async () => (await web())?.proxy === 'refusing',
      20_000,
      () => 'nothing is refused',
    );
    const text = await status(mesh.dir);
    assert.match(text, /\n3 proxies: 1 refusing, 2 converged/);
    assert.match(
      text,
      /web-v1 refuses Listener tcp\/db \(services\/web.yaml:\d+\) for \d+ s\n.*cannot bind/,
    );
    release();
    // Whether an address is free is tried again by itself.
    await eventually(
      async () => (await web())?.proxy === 'converged',
      30_000,
      () => 'it is not tried again',
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

/** What the command prints; 2 is an answer too: something is not as it should be. */
async function status(...args: readonly string[]): Promise<string> {
  const words = ['bin/chancery.js', 'status', ...args];
  const { stdout } = await run(process.execPath, words).catch(
    (error: { readonly code?: unknown; readonly stdout: string }) => {
      if (error.code === 2) return error;
      throw error;
    },
  );
  return stdout;
}

/** Takes a local port as soon as nobody else has it; returns what frees it. */
async function take(port: number): Promise<() => void> {
  const server = createServer((socket) => socket.destroy());
  await eventually(
    () =>
      new Promise((taken) => {
        server.once('error', () => taken(false));
        server.listen(port, '127.0.0.1', () => taken(true));
      }),
    10_000,
    () => `port ${port} is not free`,
  );
  return () => void server.close();
}
