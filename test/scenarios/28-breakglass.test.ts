import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { BreakglassReply, BreakglassStepReply } from '../../src/serve/api/wire-breakglass.ts';
import { entry } from '../support/repo-server.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

const wanted = [
  ...['--who', 'storefront', '--to', 'payments', '--operation', 'GET /v1/charges/**'],
  ...['--reason', 'INC-211: refunds are stuck'],
];

describe('access beside Git, with real proxies, while the repository is gone', () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    await mesh.up();
    renameSync(join(mesh.dir, '.git'), join(mesh.dir, '..', 'git'));
  });
  after(() => mesh.remove());

  const run = (...words: readonly string[]): Promise<{ code: number; out: string; err: string }> =>
    new Promise((done) => {
      const args = [entry, ...words];
      execFile(process.execPath, args, { timeout: 30_000 }, (error, out, err) => {
        done({ code: Number(error?.code ?? 0), out, err });
      });
    });
  const json = async <Reply>(...words: readonly string[]): Promise<Reply> => {
    const { out, err } = await run('breakglass', ...words, '--json');
    assert.ok(out !== '', err);
    return JSON.parse(out) as Reply;
  };
  const grant = (...more: readonly string[]) =>
    json<BreakglassStepReply>('grant', mesh.dir, ...wanted, ...more);
  const read = () => mesh.ask('storefront-v1', 'payments', 'GET', '/v1/charges');
  const allowed = async (): Promise<boolean> => (await read()).status === 200;
  const denied = async (): Promise<boolean> => [403, 404].includes((await read()).status);
  /** How long it takes until requests get this, one after another on an open connection. */
  const untilMs = async (wants: () => Promise<boolean>): Promise<number> => {
    const fromMs = performance.now();
    await eventually(wants, 5_000, () => 'it does not come');
    return performance.now() - fromMs;
  };
  const records = (): readonly Record<string, unknown>[] =>
    globSync(`${mesh.layout.stateDir}/**/breakglass.jsonl`).flatMap((file) =>
      readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    );

  let id = '';
  it('is denied, granted, and live on every host within a second', async (t) => {
    assert.ok(await denied());
    const { code, out } = await run('breakglass', 'grant', mesh.dir, ...wanted, '--for', '5m');
    assert.equal(code, 0, out);
    assert.match(out, /live on 1 of 1 hosts in 0\.\d\d s/);
    id = /^[0-9a-f]{8}/.exec(out)?.[0] ?? assert.fail(out);
    assert.ok(await allowed(), 'it was said to be live');
    const [line = ''] = out.split('\n').filter((text) => text.startsWith('live'));
    t.diagnostic(line);
  });

  it('opens what was granted and no more', async () => {
    const post = await mesh.ask('storefront-v1', 'payments', 'POST', '/v1/charges', {});
    assert.equal(post.status, 403);
    const inside = await mesh.ask('storefront-v1', 'payments', 'GET', '/internal/dump');
    assert.match(inside.body, /CH2102/);
    const other = await mesh.ask('checkout-v1', 'payments', 'GET', '/v1/charges');
    assert.equal(other.status, 403);
  });

  it('each use is a record at the host, and list counts them', async () => {
    const before = records().length;
    for (let count = 0; count < 20; count += 1) assert.ok(await allowed());
    const all = records();
    assert.equal(all.length, before + 20);
    assert.equal(all.at(-1)?.['breakglass'], id);
    assert.equal(all.at(-1)?.['principal'], 'spiffe://shop.test/storefront');
    await eventually(
      async () => {
        const [info] = (await json<BreakglassReply>('show', id, mesh.dir)).grants;
        return info?.uses === all.length;
      },
      5_000,
      () => 'the uses are not told of',
    );
    const { out } = await run('status', mesh.dir);
    assert.match(out, /CH4231/);
  });

  it('revoked, it is denied on an open connection within a second', async (t) => {
    assert.ok(await allowed());
    const fromMs = performance.now();
    const revoking = run('breakglass', 'revoke', id, mesh.dir);
    await eventually(denied, 5_000, () => 'it stays open');
    const tookMs = performance.now() - fromMs;
    const { code, out } = await revoking;
    assert.equal(code, 0, out);
    const live = Number(/in (\d+\.\d+) s/.exec(out)?.[1]);
    assert.ok(live < 1, out);
    t.diagnostic(`denied ${Math.round(tookMs)} ms after the command began; live in ${live} s`);
    assert.ok(await denied());
  });

  it('ends by itself at the host while the control plane is stopped', async (t) => {
    const made = await grant('--for', '6s');
    assert.equal(made.reach?.live, made.reach?.hosts);
    const controlPlane = mesh.pidOf('chancery.js server');
    process.kill(controlPlane, 'SIGSTOP');
    t.after(() => process.kill(controlPlane, 'SIGCONT'));
    assert.ok(await allowed());
    const { state } = made.grant;
    const endMs = state.kind === 'active' ? state.untilMs : assert.fail();
    await new Promise((wake) => setTimeout(wake, endMs - Date.now()));
    assert.ok((await untilMs(denied)) < 1_000);
    process.kill(controlPlane, 'SIGCONT');
    await eventually(
      async () => {
        const [info] = (await json<BreakglassReply>('show', made.grant.id, mesh.dir)).grants;
        return info?.grant.state.kind === 'ended';
      },
      10_000,
      () => 'the record does not say that it ended',
    );
  });

  it('a use that cannot be recorded is denied, and status says so for as long as it lasts', async () => {
    const isTold = async (): Promise<boolean> =>
      (await run('status', mesh.dir)).out.includes('cannot record uses of break-glass grants');
    const made = await grant('--for', '5m');
    assert.ok(await allowed());
    const [file = assert.fail()] = globSync(`${mesh.layout.stateDir}/**/breakglass.jsonl`);
    renameSync(file, `${file}.kept`);
    mkdirSync(file);
    assert.match((await read()).body, /CH2194/);
    await eventually(isTold, 5_000, () => 'nobody is told');
    rmdirSync(file);
    assert.ok(await allowed());
    await eventually(
      async () => !(await isTold()),
      5_000,
      () => 'it is told for ever',
    );
    await run('breakglass', 'revoke', made.grant.id, mesh.dir);
  });

  it('who has not confirmed it is named, and has it when it comes back', async (t) => {
    const agent = mesh.pidOf('chancery.js agent');
    process.kill(agent, 'SIGSTOP');
    t.after(() => process.kill(agent, 'SIGCONT'));
    const { code, out } = await run('breakglass', 'grant', mesh.dir, ...wanted, '--for', '5m');
    assert.equal(code, 2);
    assert.match(
      out,
      /live on 0 of 1 hosts[\s\S]*is behind: its desk has not confirmed the policy/,
    );
    process.kill(agent, 'SIGCONT');
    await eventually(allowed, 5_000, () => 'it never comes');
    await run('breakglass', 'revoke', /^[0-9a-f]{8}/.exec(out)?.[0] ?? '', mesh.dir);
  });

  it('where mesh.yaml asks for two, one operator opens nothing, also by approving', async () => {
    renameSync(join(mesh.dir, '..', 'git'), join(mesh.dir, '.git'));
    mesh.edit('mesh.yaml', (text) => `${text}\nbreakglass: { approvals: 2 }\n`);
    mesh.commit('four eyes');
    await mesh.live();
    const { code, out } = await run('breakglass', 'grant', mesh.dir, ...wanted, '--for', '5m');
    assert.equal(code, 2, out);
    const made = /^[0-9a-f]{8}/.exec(out)?.[0] ?? assert.fail(out);
    assert.ok(await denied());
    assert.match((await run('breakglass', 'approve', made, mesh.dir)).err, /CH4233/);
    assert.ok(await denied());
  });
});

describe('access beside Git on a host whose clock is another', () => {
  const minuteMs = 60_000;
  for (const [what, skewMs, time, end] of [
    ['ahead of its whole time', 40 * minuteMs, '30m', undefined],
    ['behind', -10 * minuteMs, '4s', 4_000],
  ] as const) {
    it(`that is ${what}, it is live when it is said to be, and ends when it is to end`, async () => {
      const mesh = new RunningMesh('examples/shop');
      const clocks = mkdtempSync(join(tmpdir(), 'clocks-'));
      writeFileSync(join(clocks, 'agent'), `${skewMs}`);
      const preload = resolve('test/support/shifted-clock.ts');
      Object.assign(mesh.env, {
        NODE_OPTIONS: `--import=${preload}`,
        CHANCERY_TEST_CLOCKS: clocks,
      });
      const read = async () =>
        (await mesh.ask('storefront-v1', 'payments', 'GET', '/v1/charges')).status;
      try {
        await mesh.up();
        const args = [entry, 'breakglass', 'grant', mesh.dir, ...wanted, '--for', time];
        const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
        assert.match(stdout, /live on 1 of 1 hosts/);
        assert.equal(await read(), 200);
        if (end === undefined) return;
        // By itself: no control plane takes it back.
        const controlPlane = mesh.pidOf('chancery.js server');
        process.kill(controlPlane, 'SIGSTOP');
        await sleep(end);
        const status = await read();
        process.kill(controlPlane, 'SIGCONT');
        assert.equal(status, 403);
      } finally {
        await mesh.remove();
        rmSync(clocks, { recursive: true });
      }
    });
  }
});
