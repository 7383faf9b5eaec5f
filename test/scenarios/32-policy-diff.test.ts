import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { FlowsReply, ServiceFlows } from '../../src/client/gen/api.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

const run = promisify(execFile);
const entry = resolve('bin/chancery.js');
/** Proxies write their logs out at once, agents read them every ten seconds. */
const recordedWithinMs = 40_000;

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('a change of rules against the traffic that was recorded', { timeout: 180_000 }, () => {
  let mesh: RunningMesh;
  const aside = mkdtempSync(join(tmpdir(), 'suggested-'));
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    await mesh.up();
  });
  after(async () => {
    await mesh.remove();
    rmSync(aside, { recursive: true, force: true });
  });

  const chancery = async (...words: readonly string[]): Promise<Said> => {
    const found = await run(process.execPath, [entry, ...words], { timeout: 30_000 }).catch(
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
    const code = 'code' in found ? found.code : 0;
    return { code, out: found.stdout, err: found.stderr };
  };
  const head = (name: string): string => mesh.git('rev-parse', name).trim();
  const flows = async (): Promise<ServiceFlows | undefined> => {
    const text = execFileSync('curl', [
      ...['-s', '--unix-socket', mesh.layout.controlSocket, 'http://control/v1/flows'],
    ]);
    const { services } = JSON.parse(text.toString('utf8')) as FlowsReply;
    return services.find(({ service }) => service === 'payments');
  };

  it('is recorded by caller, method, template and rule, as the access logs have it', async () => {
    for (let at = 0; at < 7; at += 1) {
      await mesh.ask('reports-v1', 'payments', 'GET', `/v1/charges/o-${at}`);
    }
    await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges');
    await mesh.ask('checkout-v1', 'payments', 'POST', '/v1/charges', { order: 'o-1', cents: 100 });
    await mesh.ask('checkout-v1', 'payments', 'GET', '/internal/dump');
    const seen = (found: ServiceFlows | undefined) =>
      (found?.flows ?? []).map(
        ({ caller, method, path, verdict, requests }) =>
          `${caller.split('/').at(-1)} ${method} ${path} ${verdict} ${requests}`,
      );
    const wanted = [
      'checkout GET /internal/dump deny 1',
      'checkout POST /v1/charges allow 1',
      'reports GET /v1/charges allow 1',
      'reports GET /v1/charges/* allow 7',
    ];
    let last: ServiceFlows | undefined;
    await eventually(
      async () => {
        last = await flows();
        return wanted.every((one) => seen(last).includes(one));
      },
      recordedWithinMs,
      () => `recorded was ${JSON.stringify(last)}`,
    );
    assert.ok(last?.flows.every(({ rule }) => rule !== undefined));
  });

  it('a commit that would deny some of it exits 3 and names the flow; what it leaves alone is unchanged', async () => {
    const [running, kept] = [head('HEAD'), mesh.git('branch', '--show-current').trim()];
    mesh.git('switch', '--quiet', '--detach');
    mesh.edit('services/payments.yaml', (text) =>
      text.replace('GET /v1/charges/**', 'GET /v1/charges'),
    );
    mesh.commit('tighten payments');
    mesh.git('branch', 'tighten');
    mesh.git('switch', '--quiet', kept);
    assert.equal(head('HEAD'), running);
    const said = await chancery('policy', 'diff', `${running}..tighten`, mesh.dir);
    assert.equal(said.code, 3, said.out + said.err);
    assert.match(said.out, /newly denied: 1 flow, 7 requests/);
    assert.match(
      said.out,
      /reports -> payments +GET \/v1\/charges\/\* +7 +\d+ s ago +services\/payments\.yaml:\d+/,
    );
    assert.match(
      said.out,
      /removed +on payments: \{reports\} x GET x \/v1\/charges\/\*\* minus \/v1\/charges\n/,
    );
    const same = await chancery('policy', 'diff', 'tighten..tighten', mesh.dir);
    assert.equal(same.code, 0, same.out);
    const { flows: services } = JSON.parse(
      (await chancery('policy', 'diff', 'tighten', mesh.dir, '--json')).out,
    ).traffic['newly denied'];
    assert.equal(services, 1);
  });

  it('rules without traffic are named, and those that are too young to tell are said to be so', async () => {
    const young = await chancery('policy', 'unused', mesh.dir);
    assert.equal(young.code, 1, young.out);
    assert.match(young.out, /open +\w+ +.*it is not known for so long/);
    const { code, out } = await chancery('policy', 'unused', mesh.dir, '--since', '1s', '--json');
    const rules = JSON.parse(out).rules as { readonly rule: string; readonly kind: string }[];
    assert.equal(code, 2, out);
    const kinds = new Set(rules.map(({ kind }) => kind));
    assert.ok(kinds.has('unused') && kinds.has('used'), out);
  });

  it('what is suggested of it lets in all that came in, holds its tests, and leaves files and HEAD alone', async () => {
    const before = [head('HEAD'), mesh.git('status', '--porcelain')];
    const said = await chancery('policy', 'suggest', 'payments', mesh.dir, '--branch', 'least');
    assert.equal(said.code, 0, said.err);
    assert.deepEqual([head('HEAD'), mesh.git('status', '--porcelain')], before);
    assert.equal(head('least~1'), before[0]);
    const text = mesh.git('show', 'least:services/payments.yaml');
    assert.match(text, /description: Reports read charges; they never make any\./);
    assert.match(text, /- GET \/v1\/charges\n/);
    assert.doesNotMatch(text, /charges\/\*\*/);
    const diff = await chancery('policy', 'diff', 'HEAD..least', mesh.dir);
    assert.equal(diff.code, 2, diff.out);
    assert.match(diff.out, /newly denied: 0 flows/);
    const tree = join(aside, 'intent');
    mesh.git('worktree', 'add', '--quiet', '--detach', tree, 'least');
    const tests = await chancery('test', tree);
    assert.equal(tests.code, 0, tests.out);
    assert.ok(
      readFileSync(join(tree, 'services/payments.yaml'), 'utf8').includes('GET /v1/charges/*'),
    );
    const again = await chancery('policy', 'suggest', 'payments', mesh.dir, '--branch', 'least');
    assert.match(again.err, /CH5335/);
  });
});
