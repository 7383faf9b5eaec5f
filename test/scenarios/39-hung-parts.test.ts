import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Answer, eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';

const entry = resolve('bin/chancery.js');
/** Twice what a desk is given, on a machine that does other things as well. */
const answeredWithinMs = 2_000;

function status(dir: string): Promise<{ readonly code: number; readonly out: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [entry, 'status', dir], { timeout: 60_000 }, (error, out, err) => {
      done({ code: Number(error?.code ?? 0), out: `${out}${err}` });
    });
  });
}

describe('parts that hang instead of dying', () => {
  const mesh = new RunningMesh('examples/shop');
  const stopped = new Set<number>();
  before(() => mesh.up());
  after(async () => {
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
    await mesh.remove();
  });

  function hang(pid: number): () => void {
    stopped.add(pid);
    process.kill(pid, 'SIGSTOP');
    return () => {
      stopped.delete(pid);
      process.kill(pid, 'SIGCONT');
    };
  }

  const allowed = () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges');
  const asked = () => mesh.ask('storefront-v1', 'payments', 'POST', '/v1/charges', {});
  const codeOf = ({ headers }: Answer) => headers['x-chancery-code'];

  async function statusSays(code: number, words: string, withinMs: number): Promise<void> {
    let last = '';
    await eventually(
      async () => {
        const said = await status(mesh.dir);
        last = said.out;
        return said.code === code && last.includes(words);
      },
      withinMs,
      () => `status does not say ${words}: ${last}`,
    );
  }

  it('an agent: what its proxies can decide goes on, the rest is 503 at once; status names the host, and nothing is restarted', async () => {
    const pid = mesh.pidOf('chancery.js agent');
    const load = startLoad({ everyMs: 20, requestsMax: 5_000, send: allowed, key: () => 'ok' });
    const wake = hang(pid);
    for (let count = 0; count < 10; count += 1) {
      const begunMs = performance.now();
      const answer = await asked();
      assert.deepEqual([answer.status, codeOf(answer)], [503, 'CH2190'], answer.body);
      assert.ok(performance.now() - begunMs < answeredWithinMs);
    }
    await statusSays(2, 'CH5423 the agent of the host local', 60_000);
    assert.equal((await asked()).status, 503);
    wake();
    await eventually(
      async () => codeOf(await asked()) === 'CH2103',
      10_000,
      () => 'the desk does not answer again',
    );
    await statusSays(0, '7 converged', 20_000);
    assert.deepEqual((await load.stop()).failures, []);
    assert.equal(mesh.pidOf('chancery.js agent'), pid);
  });

  it('an application: its callers hear that it does not answer, also where no room is left to try again', async () => {
    const listening = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
      .split('\n')
      .find((line) => line.includes('apps/payments.ts') && !line.includes('setpriv'));
    assert.ok(listening !== undefined);
    const load = startLoad({ everyMs: 10, requestsMax: 300, send: allowed, key: () => 'ok' });
    const wake = hang(Number.parseInt(listening.trim(), 10));
    await new Promise((done) => setTimeout(done, 2_500));
    wake();
    const { failures } = await load.stop();
    const codes = new Set(failures.map((text) => /CH\d{4}/.exec(text)?.[0] ?? text));
    assert.ok(codes.has('CH4104'), [...codes].join());
    assert.ok(!codes.has('CH4105'), [...codes].join());
  });

  it('a control plane without descriptors: it goes on, and takes commits when it has some', async () => {
    const pid = mesh.pidOf('chancery.js server');
    const used = readdirSync(`/proc/${pid}/fd`).length;
    const limit = (soft: number) =>
      execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${soft}:`]);
    limit(used);
    mesh.edit('services/payments.yaml', (text) => text.replace('v1: 90, v2: 10', 'v1: 50, v2: 50'));
    mesh.commit('half and half');
    await new Promise((done) => setTimeout(done, 2_500));
    assert.equal((await allowed()).status, 200);
    limit(1_024);
    await mesh.live();
    assert.equal(mesh.pidOf('chancery.js server'), pid);
  });
});
