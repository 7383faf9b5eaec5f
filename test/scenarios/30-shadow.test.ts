import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { ShadowDifference, ShadowInfo } from '../../src/serve/api/wire-shadow.ts';
import { type Answer, eventually, RunningMesh } from '../support/running-mesh.ts';

const run = promisify(execFile);
/** Envoy writes its log, the agent reads it every ten seconds, and tells every ten. */
const toldWithinMs = 45_000;
const passed = 404;

/** Asked at the desk: no proxy knows the time. */
const atTheDesk = `allow:
  - { id: late, from: reports, to: GET /t/desk, when: 'request.time > timestamp("2020-01-01T00:00:00Z")' }
`;

describe('a policy that rides along with live traffic', () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    mesh.edit('services/payments.yaml', (text) => text.replace('allow:\n', atTheDesk));
    mesh.commit('a rule for the desk');
    branch('tighten', (text) =>
      text
        .replace('to: GET /v1/charges/**', 'to: GET /v1/totals')
        .replace('request.time >', 'request.time <')
        .replace('allow:\n', 'allow:\n  - { id: open, from: reports, to: PUT /t/open }\n'),
    );
    branch('closed', (text) => text.replace('deny:\n', 'deny:\n  - { id: nobody, from: "*" }\n'));
    await mesh.up();
  });
  after(() => mesh.remove());

  /** Beside the folder that the mesh follows. */
  function branch(name: string, change: (text: string) => string): void {
    const dir = resolve(mesh.dir, '..', name);
    mesh.git('worktree', 'add', '--quiet', '-b', name, dir);
    const file = join(dir, 'services/payments.yaml');
    writeFileSync(file, withoutTests(change(readFileSync(file, 'utf8'))));
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@shop.test'];
    execFileSync('git', ['-C', dir, ...identity, 'commit', '--quiet', '--all', '-m', name]);
  }

  const chancery = async (...words: readonly string[]) => {
    const args = ['bin/chancery.js', 'shadow', ...words, mesh.dir];
    const done = await run(process.execPath, args, { timeout: 30_000 }).catch(
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
    const { stdout, stderr } = done;
    return { code: 'code' in done ? done.code : 0, stdout, stderr };
  };
  const show = async (): Promise<ShadowInfo> =>
    JSON.parse((await chancery('show', '--json')).stdout) as ShadowInfo;
  const ask = (method: string, path: string, host = 'payments'): Promise<Answer> =>
    mesh.ask('reports-v1', host, method, path);
  /** Of each the status; the ledger of the application stays as it is. */
  const traffic = async (): Promise<readonly number[]> => {
    const answers = [
      await ask('GET', '/v1/charges/o-1'),
      await ask('GET', '/v1/charges/o-2'),
      await ask('GET', '/t/desk'),
      await ask('PUT', '/t/open'),
      await ask('PUT', '/t/closed'),
      await ask('GET', '/v1/stock', 'inventory'),
    ];
    return answers.map(({ status }) => status);
  };
  /** Requests of applications among themselves are compared as well, so that there are more than were sent here. */
  const told = async (differences: number): Promise<ShadowInfo> => {
    let info = await show();
    await eventually(
      async () => {
        info = await show();
        const { newlyDenied, newlyAllowed, uncertain } = info.totals;
        return newlyDenied + newlyAllowed + uncertain >= differences;
      },
      toldWithinMs,
      () => JSON.stringify(info),
    );
    return info;
  };

  it('names what it would do otherwise by edge, rule and sample, and changes nothing', async () => {
    const before = await traffic();
    assert.deepEqual(before.slice(2), [passed, 403, 403, 403]);
    const started = await chancery('tighten', '--for', '10m');
    assert.equal(started.code, 0, started.stderr);
    await eventually(
      async () => (await show()).hosts === 1,
      toldWithinMs,
      () => 'no host compares',
    );
    assert.deepEqual(await traffic(), before);

    const info = await told(4);
    assert.equal(info.branch, 'tighten');
    const { compared, missed: _, ...totals } = info.totals;
    assert.deepEqual(totals, { newlyDenied: 3, newlyAllowed: 1, uncertain: 0 });
    assert.ok(compared >= 6);
    assert.equal(info.unlisted, 0);
    const find = (method: string, path: string): ShadowDifference | undefined =>
      info.differences.find((one) => one.method === method && one.path === path);

    const proxy = find('GET', '/v1/charges/*');
    assert.equal(proxy?.requests, 2);
    assert.equal(proxy.effect, 'newly denied');
    assert.equal(proxy.caller, 'spiffe://shop.test/reports');
    assert.match(proxy.liveRule ?? '', /./);
    assert.match(proxy.liveAt ?? '', /^services\/payments\.yaml:\d+$/);
    assert.equal(proxy.shadowCode, 'CH2101');
    assert.equal(proxy.shadowAt, 'services/payments.yaml');
    // Lines of two workers of a proxy come in either order.
    assert.match(proxy.samples[0]?.path ?? '', /^\/v1\/charges\/o-[12]$/);
    const lines = mesh.log('payments-v1').concat(mesh.log('payments-v2'));
    const ids = new Set(lines.map((line) => line['request_id']));
    assert.ok(ids.has(proxy.samples[0]?.requestId));

    const desk = find('GET', '/t/desk');
    assert.deepEqual([desk?.effect, desk?.liveRule, desk?.requests], ['newly denied', 'late', 1]);
    assert.match(desk?.samples[0]?.decision ?? '', /./);
    const open = find('PUT', '/t/open');
    assert.deepEqual(
      [open?.effect, open?.liveCode, open?.shadowRule, open?.requests],
      ['newly allowed', 'CH2101', 'open', 1],
    );
  });

  it('is told as a table, in the status and in the ledger, and by the exit code', async () => {
    const { code, stdout } = await chancery('show');
    assert.equal(code, 3);
    assert.match(stdout, /tighten \([0-9a-f]{12} "tighten"\) rides along until/);
    assert.match(stdout, /(\d+) of \1 requests compared on 1 of 1 hosts; \d+ of \1 the same/);
    assert.match(stdout, /newly denied {2}reports -> payments {2}GET \/v1\/charges\/\* {2}2 times/);
    assert.match(stdout, /allow by late {2}services\/payments\.yaml:\d+/);
    const status = await run(process.execPath, ['bin/chancery.js', 'status', mesh.dir]).catch(
      (error: { stdout: string }) => error,
    );
    assert.match(status.stdout, /CH4245/);
    const again = await chancery('closed');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /CH4244/);
    assert.equal((await chancery('stop')).code, 3);
    const args = ['bin/chancery.js', 'log', mesh.dir, '--kind', 'shadow-ended'];
    assert.match((await run(process.execPath, args)).stdout, /tighten/);
  });

  it('one that denies all has no part in what is answered', async () => {
    const before = await traffic();
    const head = mesh.git('rev-parse', 'HEAD');
    assert.equal((await chancery('closed', '--for', '10m')).code, 0);
    await eventually(
      async () => (await show()).hosts === 1,
      toldWithinMs,
      () => 'no host compares',
    );
    for (let round = 0; round < 5; round += 1) assert.deepEqual(await traffic(), before);
    const { totals } = await told(15);
    assert.equal(totals.newlyDenied, 15);
    assert.equal(totals.newlyAllowed + totals.uncertain, 0);
    assert.equal(mesh.git('rev-parse', 'HEAD'), head);
  });

  it('is followed until it ends by itself', async () => {
    assert.equal((await chancery('stop')).code, 3);
    const { code, stdout, stderr } = await chancery('tighten', '--for', '4s', '--watch');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /rode along until \S+ \(its end\)/);
    assert.match(stderr, /of 1 hosts/);
    assert.equal((await chancery('stop')).code, 1);
  });
});

/** They are about what runs. */
function withoutTests(text: string): string {
  const at = text.indexOf('\ntests:');
  return at === -1 ? text : text.slice(0, at + 1);
}
