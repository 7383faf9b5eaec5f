import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { StatusReply } from '../../src/serve/api/wire.ts';
import type { CommitVerdict } from '../../src/serve/api/wire-gate.ts';
import { documentsOf } from '../support/control-plane.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';

const entry = resolve('bin/chancery.js');
const payments = 'services/payments.yaml';

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('the gate of a running mesh', () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    await mesh.up();
  });
  after(() => mesh.remove());

  function chancery(...args: readonly string[]): Promise<Said> {
    return new Promise((done) => {
      execFile(process.execPath, [entry, ...args], { timeout: 60_000 }, (error, out, err) => {
        done({ code: Number(error?.code ?? 0), out, err });
      });
    });
  }
  const wait = (commit = 'HEAD') => chancery('wait', commit, mesh.dir, '--timeout', '20s');
  const head = (): string => mesh.git('rev-parse', 'HEAD').trim();
  async function verdicts(): Promise<readonly CommitVerdict[]> {
    const limit = ['--limit', '500'];
    const { out } = await chancery('revision', 'list', mesh.dir, '--json', ...limit);
    return JSON.parse(out) as CommitVerdict[];
  }
  async function status(): Promise<StatusReply> {
    return JSON.parse((await chancery('status', mesh.dir, '--json')).out) as StatusReply;
  }
  function share(v1: number): void {
    mesh.edit(payments, (text) => text.replace(/v1: \d+, v2: \d+/, `v1: ${v1}, v2: ${100 - v1}`));
  }
  function taken(proxy: string): Promise<string> {
    return mesh.admin(proxy, '/config_dump?resource=dynamic_route_configs');
  }

  it('wait ends with "live on N of N proxies" and 0', async () => {
    share(70);
    mesh.commit('seventy');
    const { code, out, err } = await wait();
    assert.equal(code, 0, err);
    assert.match(out, /^[0-9a-f]{12} is live on (\d+) of \1 proxies in \d+\.\d s\n$/);
  });

  it('a regex that only Envoy refuses reaches no proxy, and is told with file and line', async () => {
    const good = head();
    const before = await taken('checkout-v1');
    mesh.edit(payments, (text) =>
      text.replace('routes:\n', `routes:\n  - { match: { path: ${'/*'.repeat(400)} }, to: v1 }\n`),
    );
    mesh.commit('a long pattern');
    const { code, err } = await wait();
    assert.equal(code, 2);
    assert.match(err, /error\[CH4204\]: Envoy refuses the route payments\//);
    assert.match(err, /--> services\/payments\.yaml:\d+/);
    assert.equal((await status()).commit, good);
    assert.equal(await taken('checkout-v1'), before);
    const [newest] = await verdicts();
    assert.equal(newest?.verdict.kind, 'refused');
    mesh.git('revert', '--no-edit', 'HEAD');
    assert.equal((await wait()).code, 0);
  });

  it('a test that does not hold refuses the commit', async () => {
    mesh.edit(payments, (text) => text.replace('to: POST /v1/charges', 'to: PUT /v1/charges'));
    mesh.commit('the wrong method');
    const { code, err } = await wait();
    assert.equal(code, 2);
    assert.match(err, /error\[CH4201\]/);
    mesh.git('revert', '--no-edit', 'HEAD');
    assert.equal((await wait()).code, 0);
  });

  it('a removal waits, status says what to type, and approve lets it through', async () => {
    const good = head();
    mesh.edit('mesh.yaml', (text) => text.replace(/\n {2}back-office: .*/, ''));
    mesh.edit(payments, (text) =>
      text
        .replace(/ {2}- from: role:back-office\n.*\n.*\n/, '')
        .replaceAll(/^.*from: reports,.*\n/gm, ''),
    );
    rmSync(join(mesh.dir, 'services/reports.yaml'));
    for (const file of ['inventory', 'storefront', 'checkout', 'ledger']) {
      const path = `services/${file}.yaml`;
      if (/reports/.test(mesh.git('show', `HEAD:${path}`)))
        mesh.edit(path, (text) => text.replaceAll(/^.*from: reports,.*\n/gm, ''));
    }
    mesh.commit('no more reports');
    const removal = head();
    const waited = await wait();
    assert.equal(waited.code, 2, waited.err);
    assert.match(waited.err, /error\[CH4207\]: the service reports is removed/);
    const shown = await chancery('status', mesh.dir);
    assert.equal(shown.code, 2);
    assert.match(shown.out, new RegExp(`chancery approve ${removal.slice(0, 12)} `));
    assert.equal((await status()).commit, good);
    assert.equal((await mesh.ask('storefront-v1', 'reports', 'GET', '/v1/summary')).status, 200);
    const approved = await chancery('approve', removal.slice(0, 10), mesh.dir);
    assert.equal(approved.code, 0, approved.err);
    assert.equal((await wait(removal)).code, 0);
    assert.equal((await chancery('approve', removal, mesh.dir)).code, 1);
    mesh.git('revert', '--no-edit', 'HEAD');
    assert.equal((await wait()).code, 0);
    await eventually(
      () =>
        mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges').then(
          ({ status }) => status === 200,
          () => false,
        ),
      15_000,
      () => 'reports does not come back',
    );
  });

  it('a rule in use waits, with its traffic and its line, also after a control plane that was killed', async () => {
    for (let n = 0; n < 5; n += 1) {
      assert.equal((await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges')).status, 200);
    }
    await eventually(
      () => documentsOf(mesh.dir, 'traffic').some((text) => /"payments".*"rules"/.test(text)),
      30_000,
      () => documentsOf(mesh.dir, 'traffic').join('\n'),
    );
    process.kill(mesh.pidOf(' server '), 'SIGKILL');
    mesh.edit(payments, (text) =>
      text
        .replace(/ {2}- from: role:back-office\n.*\n.*\n/, '')
        .replaceAll(/^.*from: reports,.*\n/gm, ''),
    );
    mesh.commit('reports may not read charges');
    const waited = await wait();
    assert.equal(waited.code, 2, waited.out);
    assert.match(waited.err, /error\[CH4208\]: reports may not call payments any more/);
    assert.match(waited.err, /found: \d+ requests? in the last 26 hours, the last one .* ago/);
    assert.match(
      waited.err,
      /note: the rule [a-z0-9-]+, services\/payments\.yaml:13 of the commit/,
    );
    assert.equal((await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges')).status, 200);
    const approved = await chancery('approve', head(), mesh.dir);
    assert.equal(approved.code, 0, approved.err);
    assert.equal((await wait()).code, 0);
    mesh.git('revert', '--no-edit', 'HEAD');
    assert.equal((await wait()).code, 0);
  });

  it('a rule in use of an edge that stays waits, too', async () => {
    const order = { item: 'tea', quantity: 1 };
    await mesh.ask('checkout-v1', 'payments', 'POST', '/v1/charges', order);
    await eventually(
      () => documentsOf(mesh.dir, 'traffic').some((text) => /"allow-checkout-post-/.test(text)),
      30_000,
      () => documentsOf(mesh.dir, 'traffic').join('\n'),
    );
    mesh.edit(payments, (text) =>
      text
        .replace('to: POST /v1/charges', 'to: GET /v1/other')
        .replaceAll(/^.*from: checkout,.*allow.*\n/gm, ''),
    );
    mesh.commit('checkout may do something else');
    const waited = await wait();
    assert.equal(waited.code, 2, waited.out);
    assert.match(
      waited.err,
      /CH4208\]: checkout may not ask payments for POST \/v1\/charges any more/,
    );
    mesh.git('revert', '--no-edit', 'HEAD');
    assert.equal((await wait()).code, 0);
  });

  it('100 commits in 10 s: no request fails, and what is last is what every proxy has', async () => {
    const load = startLoad({
      everyMs: 20,
      requestsMax: 10_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'any',
    });
    const startedMs = performance.now();
    for (let n = 0; n < 100; n += 1) {
      share(n % 2 === 0 ? 40 + (n % 20) : 60 + (n % 20));
      mesh.commit(`commit ${n}`);
      const aheadMs = (n + 1) * 100 - (performance.now() - startedMs);
      if (aheadMs > 0) await new Promise((wake) => setTimeout(wake, aheadMs));
    }
    share(33);
    mesh.commit('the last');
    const { code, err } = await wait();
    assert.equal(code, 0, err);
    for (const caller of ['checkout-v1', 'reports-v1']) {
      await eventually(
        async () => /"weight": 33\b/.test(await taken(caller)),
        5_000,
        () => `${caller} has not the last split`,
      );
    }
    const behind = (await status()).workloads.filter(
      (one) => one.proxy !== 'converged' || one.rejected.length > 0,
    );
    assert.deepEqual(behind, []);
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
    const kinds = new Set((await verdicts()).map(({ verdict }) => verdict.kind));
    assert.ok(!kinds.has('checking') && !kinds.has('waiting'), [...kinds].join());
  });

  it('a control plane that comes back to a bad commit goes on with the last good one', async () => {
    const good = head();
    mesh.edit(payments, (text) => text.replace('allow:', 'allows:'));
    mesh.commit('nonsense');
    assert.equal((await wait()).code, 2);
    process.kill(mesh.pidOf(' server '), 'SIGKILL');
    await eventually(
      async () => {
        const said = await chancery('status', mesh.dir, '--json');
        if (said.out === '') return false;
        const reply = JSON.parse(said.out) as StatusReply;
        return reply.commit === good && reply.refused !== undefined;
      },
      30_000,
      () => 'the control plane does not come back',
    );
    assert.equal((await wait(good)).code, 0);
  });
});
