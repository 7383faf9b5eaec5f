import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { LedgerReply } from '../../src/serve/api/ledger-wire.ts';
import { paths, type StatusReply } from '../../src/serve/api/wire.ts';
import { Installation, parts, putPresent } from '../support/installation.ts';
import { eventually, presentedSerial, RunningMesh, startLoad } from '../support/running-mesh.ts';

/** The version before: the newest tag, or else the commit before this one; undefined where there is no history. */
function versionBefore(): string | undefined {
  const git = (...args: readonly string[]): string | undefined => {
    try {
      const stdio: 'pipe'[] = ['pipe', 'pipe', 'pipe'];
      return execFileSync('git', args, { encoding: 'utf8', stdio }).trim();
    } catch {
      return undefined;
    }
  };
  const named = process.env['CHANCERY_UPGRADE_FROM'];
  const tag = git('describe', '--tags', '--abbrev=0', '--match', 'v*', 'HEAD');
  return named ?? tag ?? git('rev-parse', '--verify', 'HEAD~1');
}

const from = versionBefore();

function putCommit(commit: string, dir: string): void {
  const tar = execFileSync('git', ['archive', commit, ...parts], { maxBuffer: 2 ** 28 });
  execFileSync('tar', ['-x', '-C', dir], { input: tar });
}

describe('an upgrade from the version before, under load', { skip: from === undefined }, () => {
  let installation: Installation<'before' | 'present'>;
  let mesh: RunningMesh;
  before(async () => {
    installation = new Installation({
      before: (dir) => putCommit(from ?? '', dir),
      present: putPresent,
    });
    mesh = new RunningMesh('examples/shop', installation.entry);
    await mesh.up('--watch', '500ms');
  });
  after(async () => {
    await mesh.remove();
    installation.remove();
  });

  const status = (): Promise<StatusReply | undefined> => mesh.status().catch(() => undefined);
  const share = async (v1: number): Promise<void> => {
    mesh.edit('services/payments.yaml', (text) =>
      text.replace(/v1: \d+, v2: \d+/, `v1: ${v1}, v2: ${100 - v1}`),
    );
    mesh.commit(`v1 gets ${v1}`);
    await mesh.live();
  };
  const inSync = (): Promise<void> =>
    eventually(
      async () => {
        const reply = await status();
        return (
          reply?.workloads.every(
            (one) => one.proxy === 'converged' && one.workload.state === 'ready',
          ) === true
        );
      },
      30_000,
      () => mesh.output.join(''),
    );
  const load = (t: TestContext) => {
    const running = startLoad({
      everyMs: 10,
      requestsMax: 20_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'ok',
    });
    t.after(() => running.stop());
    return running;
  };

  it('control plane, then agent: what was known is known, commits go live, no request fails', async (t) => {
    const running = load(t);
    await share(70);
    const known = await status();
    const serial = await presentedSerial(mesh.ports('payments-v1').ingressPort);
    installation.install('present');
    await mesh.restart('chancery.js server');
    await inSync();
    assert.equal((await status())?.commit, known?.commit);
    const { entries } = await mesh.get<LedgerReply>(`${paths.ledger}?kind=commit-accepted`);
    assert.ok(entries.some(({ subject }) => subject === known?.commit));
    await share(60);
    await mesh.restart('chancery.js agent');
    await inSync();
    await share(50);
    assert.equal(await presentedSerial(mesh.ports('payments-v1').ingressPort), serial);
    assert.deepEqual((await running.stop()).failures, []);
  });

  it('a downgrade works, or says clearly that it does not; no request fails either way', async (t) => {
    const running = load(t);
    installation.install('before');
    await mesh.restart('chancery.js server');
    const log = join(mesh.layout.logsDir, 'control-plane.log');
    const isRefused = (): boolean => /CH520[01]/.test(readFileSync(log, 'utf8'));
    await eventually(
      async () => isRefused() || (await status()) !== undefined,
      30_000,
      () => 'it neither serves nor says why',
    );
    // Of its own answers only its own commands know the shape.
    if (!isRefused()) await share(40);
    installation.install('present');
    await mesh.restart('chancery.js server');
    await inSync();
    await share(30);
    assert.deepEqual((await running.stop()).failures, []);
  });
});
