import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { LoneControlPlane, ledgerOf } from './support/control-plane.ts';
import { eventually } from './support/running-mesh.ts';

const web = 'service: web\nowner: team\nprotocol: http\nport: 8080\n';

/** The kernel refuses to let a file of this process grow beyond it, as a full disk would. */
function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}:unlimited`]);
}

describe('a control plane whose disk takes nothing', () => {
  const plane = new LoneControlPlane({
    'mesh.yaml': 'mesh: full\ntrust_domain: full.test\n',
    'services/web.yaml': web,
  });
  before(() => plane.start());
  after(() => plane.remove());
  let fullMs = 0;
  const full = async (): Promise<void> => {
    fullMs = Date.now();
    limitFiles(plane.pid, 4_096);
    await eventually(
      async () => (await plane.chancery('status', plane.intentDir)).includes('CH5205'),
      20_000,
      () => 'the store goes on',
    );
  };

  it('says so to whoever asks for a change, with what to do', async () => {
    await full();
    await assert.rejects(
      plane.chancery('token', 'create', 'ann', plane.intentDir, '--role', 'viewer'),
      /CH5205.*\n.*found: .*\n.*help: /,
    );
    assert.match(await plane.chancery('revision', 'list', plane.intentDir), / accepted /);
    const before = ['--at', new Date(fullMs).toISOString(), '--kind', 'commit-accepted'];
    assert.match(
      await plane.chancery('log', plane.intentDir, ...before),
      /accepted "working tree"/,
    );
    limitFiles(plane.pid, 'unlimited');
    await eventually(
      () => ledgerOf(plane.intentDir).some((line) => /^api-call .*"status":503.*CH5205/.test(line)),
      20_000,
      () => ledgerOf(plane.intentDir).join('\n'),
    );
  });

  it('ends when it is told to, also while a commit waits to be written', async () => {
    await full();
    plane.write('services/web.yaml', `${web}description: another\n`);
    let waiting = '';
    await eventually(
      async () => {
        const list = await plane.chancery('revision', 'list', plane.intentDir, '--json');
        const verdicts = JSON.parse(list) as { commit: string; verdict: { kind: string } }[];
        waiting = verdicts.find(({ verdict }) => verdict.kind === 'checking')?.commit ?? '';
        return waiting !== '';
      },
      20_000,
      () => 'no commit waits',
    );
    await assert.rejects(
      plane.chancery('wait', waiting, plane.intentDir, '--timeout', '1s'),
      /CH4211[\s\S]*note: CH5205 the store takes nothing/,
    );
    const { pid } = plane;
    process.kill(pid, 'SIGTERM');
    await eventually(
      () => !existsSync(`/proc/${pid}`),
      10_000,
      () => 'it does not end',
    );
  });
});
