import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { adminSocket, workloadAgentSocket } from '../../src/app/layout.ts';
import { noPostgres, PostgresServer } from '../support/postgres.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';

const entry = resolve('bin/chancery.js');

function status(mesh: RunningMesh): Promise<{ readonly code: number; readonly out: string }> {
  return new Promise((done) => {
    const args = [entry, 'status', mesh.dir];
    execFile(process.execPath, args, { timeout: 60_000 }, (error, out, err) => {
      done({ code: Number(error?.code ?? 0), out: `${out}${err}`.replaceAll(/\s+/g, ' ') });
    });
  });
}

/** Every word of a finding, whatever the width it is laid out for. */
async function statusSays(mesh: RunningMesh, code: number, ...words: string[]): Promise<string> {
  let last = '';
  await eventually(
    async () => {
      const said = await status(mesh);
      last = said.out;
      return said.code === code && words.every((one) => last.includes(one));
    },
    40_000,
    () => `status does not say ${words}: ${last}`,
  );
  return last;
}

function load(t: TestContext, mesh: RunningMesh) {
  const running = startLoad({
    ...{ everyMs: 20, requestsMax: 20_000, key: () => 'ok' },
    send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
  });
  t.after(() => running.stop());
  return running;
}

describe('what lies below the processes of a host fails', () => {
  const mesh = new RunningMesh('examples/shop');
  before(() => mesh.up());
  after(() => mesh.remove());
  const logOf = (name: string): string => readFileSync(join(mesh.layout.logsDir, name), 'utf8');

  it('a cleaner takes every socket: nothing is lost, all of them are there again, also to a proxy that starts', async (t) => {
    const running = load(t, mesh);
    const { layout } = mesh;
    const pids = [mesh.pidOf('chancery.js agent'), mesh.proxyPid('payments-v1')];
    const sockets = [
      ...[layout.controlSocket, layout.agentSocket, layout.workloadSocket],
      ...[workloadAgentSocket(layout, 'payments-v1'), adminSocket(layout, 'payments-v1')],
    ];
    rmSync(layout.runDir, { recursive: true });
    rmSync(`${layout.runDir}-public`, { recursive: true });
    await eventually(
      () => sockets.every((path) => existsSync(path)),
      10_000,
      () => `not there again: ${sockets.filter((path) => !existsSync(path))}`,
    );
    await statusSays(mesh, 0, '7 converged');
    assert.match(await mesh.admin('payments-v1', '/ready'), /LIVE/);
    assert.match(logOf('agent.log'), /the host-wide socket was removed; it is there again/);
    // Callers were told of no endpoint that went.
    assert.deepEqual([mesh.pidOf('chancery.js agent'), mesh.proxyPid('payments-v1')], pids);
    const { failures } = await running.stop();
    assert.deepEqual(failures, []);
    process.kill(mesh.proxyPid('payments-v1'), 'SIGKILL');
    await eventually(
      async () => {
        const { code, out } = await status(mesh);
        return (
          code === 0 && out.includes('7 converged') && mesh.proxyPid('payments-v1') !== pids[1]
        );
      },
      30_000,
      () => 'the proxy does not come back',
    );
  });

  it('a proxy hangs: status says so of the proxy, and not of its application', async () => {
    const pid = mesh.proxyPid('payments-v2');
    process.kill(pid, 'SIGSTOP');
    try {
      const said = await statusSays(mesh, 2, 'CH5424', 'the proxy of payments-v2');
      assert.match(said, /payments-v2 local not known hangs/);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await statusSays(mesh, 0, '7 converged');
  });

  it('what `up` writes for the agent cannot be written: the mesh goes on, and so do commits', async (t) => {
    const running = load(t, mesh);
    const { pid } = mesh;
    const inTheWay = `${mesh.layout.hostFile}.new`;
    mkdirSync(inTheWay);
    mesh.edit('services/payments.yaml', (text) => text.replace('v1: 90, v2: 10', 'v1: 80, v2: 20'));
    mesh.commit('while it cannot be written');
    await mesh.live();
    await new Promise((wake) => setTimeout(wake, 2_000));
    assert.equal(process.kill(pid, 0), true);
    rmdirSync(inTheWay);
    await statusSays(mesh, 0, '7 converged');
    assert.deepEqual((await running.stop()).failures, []);
  });

  it('no file of an agent may grow: it goes on, status names it, and it goes on keeping by itself', async (t) => {
    const running = load(t, mesh);
    const pid = mesh.pidOf('chancery.js agent');
    const limit = (bytes: string) =>
      execFileSync('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}:`]);
    limit('0');
    // A decision of the desk, and a change of what the agent holds.
    mesh.edit('services/payments.yaml', (text) => `${text}# anything\n`);
    const denied = await mesh.ask('storefront-v1', 'payments', 'POST', '/v1/charges', {});
    assert.equal(denied.status, 403);
    await statusSays(mesh, 2, 'CH5429', 'cannot write decisions', 'EFBIG');
    limit('unlimited');
    await statusSays(mesh, 0, '7 converged');
    const decisions = join(mesh.layout.stateDir, 'logs', 'decisions.jsonl');
    assert.match(readFileSync(decisions, 'utf8'), /"kind":"lost","timeMs":\d+,"file":[1-9]/);
    assert.equal(mesh.pidOf('chancery.js agent'), pid);
    assert.deepEqual((await running.stop()).failures, []);
  });
});

describe('PostgreSQL is there and does not take what it should', { skip: noPostgres() }, () => {
  const postgres = new PostgresServer();
  let mesh: RunningMesh;
  let url = '';
  before(async () => {
    await postgres.start();
    mesh = new RunningMesh('examples/shop');
    url = await postgres.database();
    mesh.env['CHANCERY_STORE'] = url;
    await mesh.up();
  });
  after(async () => {
    await mesh.remove();
    await postgres.remove();
  });

  async function connect() {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  const others = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'chancery'`;

  it('read-only, as a standby is: status says what to do, and all goes on without a restart', async (t) => {
    const running = load(t, mesh);
    const pid = mesh.pidOf('chancery.js server');
    const client = await connect();
    const [, name] = /\/(\w+)\?/.exec(url) ?? assert.fail();
    await client.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await client.query(others);
    await statusSays(mesh, 2, 'CH5205', 'read-only transaction', 'lead to the primary');
    await client.query('SET default_transaction_read_only = off');
    await client.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    await client.query(others);
    await client.end();
    await statusSays(mesh, 0, '7 converged');
    assert.deepEqual((await running.stop()).failures, []);
    assert.equal(mesh.pidOf('chancery.js server'), pid);
  });

  it('somebody locks the ledger: status names it, and what waited is written when the lock is gone', async (t) => {
    const running = load(t, mesh);
    const client = await connect();
    await client.query('BEGIN');
    await client.query('LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE');
    mesh.edit('services/payments.yaml', (text) => text.replace('v1: 90, v2: 10', 'v1: 70, v2: 30'));
    mesh.commit('while it is locked');
    await statusSays(mesh, 2, 'CH5205', 'the ledger in the store takes nothing', 'pg_locks');
    await client.query('ROLLBACK');
    await client.end();
    await mesh.live();
    await statusSays(mesh, 0, '7 converged');
    assert.deepEqual((await running.stop()).failures, []);
  });

  it('others have all its connections: status says so, and a commit goes live once there are some', async (t) => {
    const running = load(t, mesh);
    const first = await connect();
    const clients = [first];
    const takeAll = async (): Promise<void> => {
      // Whoever asks often gets what becomes free.
      while (!isOver) {
        await first.query(others);
        const fresh = await Promise.all(
          Array.from({ length: 20 }, () => connect().catch(() => undefined)),
        );
        clients.push(...fresh.filter((one) => one !== undefined));
      }
    };
    let isOver = false;
    const taking = takeAll();
    await statusSays(mesh, 2, 'CH5205', 'max_connections').finally(() => {
      isOver = true;
    });
    await taking;
    mesh.edit('services/payments.yaml', (text) => text.replace('v1: 70, v2: 30', 'v1: 60, v2: 40'));
    mesh.commit('without connections');
    await Promise.all(clients.map((client) => client.end()));
    await mesh.live();
    await statusSays(mesh, 0, '7 converged');
    assert.deepEqual((await running.stop()).failures, []);
  });
});
