import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { callApi } from '../../src/serve/api/client.ts';
import { paths, type RevisionsReply } from '../../src/serve/api/wire.ts';
import { noPostgres, PostgresServer } from '../support/postgres.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';

const entry = resolve('bin/chancery.js');

function chancery(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [entry, ...args], { timeout: 60_000 }, (error, out, err) => {
      done({ code: Number(error?.code ?? 0), out: `${out}${err}` });
    });
  });
}

function load(t: TestContext, mesh: RunningMesh) {
  const running = startLoad({
    everyMs: 10,
    requestsMax: 20_000,
    send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
    key: () => 'ok',
  });
  t.after(() => running.stop());
  return running;
}

async function statusSays(mesh: RunningMesh, code: string): Promise<void> {
  let last = '';
  await eventually(
    async () => {
      const said = await chancery('status', mesh.dir);
      last = said.out;
      return said.code === 2 && last.includes(code);
    },
    30_000,
    () => `status does not say ${code}: ${last}`,
  );
}

async function statusIsFine(mesh: RunningMesh): Promise<void> {
  let last = '';
  await eventually(
    async () => {
      const said = await chancery('status', mesh.dir);
      last = said.out;
      return said.code === 0;
    },
    30_000,
    () => `status is not fine again: ${last}`,
  );
}

function share(mesh: RunningMesh, v1: number): void {
  mesh.edit('services/payments.yaml', (text) =>
    text.replace(/v1: \d+, v2: \d+/, `v1: ${v1}, v2: ${100 - v1}`),
  );
  mesh.commit(`v1 gets ${v1}`);
}

describe('PostgreSQL is killed and comes back', { skip: noPostgres() }, () => {
  const postgres = new PostgresServer();
  let mesh: RunningMesh;
  before(async () => {
    await postgres.start();
    mesh = new RunningMesh('examples/shop');
    mesh.env['CHANCERY_STORE'] = await postgres.database();
    await mesh.up();
  });
  after(async () => {
    await mesh.remove();
    await postgres.remove();
  });

  it('traffic goes on, status says what is wrong, and commits go live again without a restart', async (t) => {
    const running = load(t, mesh);
    const pid = mesh.pidOf('chancery.js server');
    await postgres.kill();
    await statusSays(mesh, 'CH5205');
    share(mesh, 70);
    await postgres.start();
    await statusIsFine(mesh);
    await mesh.live();
    share(mesh, 60);
    await mesh.live();
    assert.deepEqual((await running.stop()).failures, []);
    assert.equal(mesh.pidOf('chancery.js server'), pid);
  });
});

const isRoot = process.getuid?.() === 0;

describe('the disk of the state folder is full', {
  skip: isRoot ? false : 'mounting needs root',
}, () => {
  let mesh: RunningMesh;
  let state = '';
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    state = mesh.layout.stateDir;
    mkdirSync(state, { recursive: true, mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m,mode=700', 'tmpfs', state]);
    await mesh.up();
  });
  after(async () => {
    await mesh.end();
    execFileSync('umount', ['--lazy', state]);
    await mesh.remove();
  });

  it('traffic goes on, status says what is wrong, and commits go live again once there is room', async (t) => {
    const running = load(t, mesh);
    const pid = mesh.pidOf('chancery.js server');
    const ballast = join(state, 'ballast');
    assert.throws(() => {
      for (;;) writeFileSync(ballast, Buffer.alloc(64 * 1024), { flag: 'a' });
    }, /ENOSPC/);
    await statusSays(mesh, 'CH5205');
    share(mesh, 70);
    rmSync(ballast);
    await statusIsFine(mesh);
    share(mesh, 60);
    await mesh.live();
    assert.deepEqual((await running.stop()).failures, []);
    assert.equal(mesh.pidOf('chancery.js server'), pid);
  });
});

describe('the control plane is killed while a wave is under way', () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    await mesh.up('--watch', '3s');
  });
  after(() => mesh.remove());

  const newest = async () => {
    const target = mesh.layout.controlSocket;
    const reply = callApi(target, { method: 'GET', path: paths.revisions });
    return (await reply.catch(() => undefined)) as RevisionsReply | undefined;
  };

  it('the wave goes on where it was, to all, and no request fails', async (t) => {
    const running = load(t, mesh);
    mesh.edit('services/payments.yaml', (text) =>
      text
        .replace('to: GET /v1/charges/**', 'to: "* /v1/charges/**"')
        .replaceAll(/^.*never write.*\n/gm, ''),
    );
    mesh.commit('reports may do more');
    const head = mesh.git('rev-parse', 'HEAD').trim();
    await eventually(
      async () => {
        const [rollout] = (await newest())?.revisions ?? [];
        return (
          rollout?.commit === head && rollout.state.kind === 'watching' && rollout.state.wave === 0
        );
      },
      15_000,
      () => 'the first wave does not come',
    );
    const pid = mesh.pidOf('chancery.js server');
    process.kill(pid, 'SIGKILL');
    await eventually(
      async () => {
        const [rollout] = (await newest())?.revisions ?? [];
        return rollout?.commit === head && rollout.state.kind === 'live';
      },
      40_000,
      () => 'the commit does not get live',
    );
    assert.notEqual(mesh.pidOf('chancery.js server'), pid);
    const status = await mesh.status();
    assert.deepEqual(
      status.workloads
        .filter(({ proxy }) => proxy !== 'converged')
        .map(({ workload }) => workload.id),
      [],
    );
    assert.deepEqual((await running.stop()).failures, []);
  });
});
