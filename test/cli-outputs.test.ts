import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { LoneControlPlane } from './support/control-plane.ts';
import { freePort } from './support/free-port.ts';
import { eventually } from './support/running-mesh.ts';

const chancery = `"${process.execPath}" "${resolve('bin/chancery.js')}"`;

function shell(command: string) {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

const intent = {
  'mesh.yaml': 'mesh: m\ntrust_domain: m.test\n',
  'services/a.yaml': 'service: a\nowner: t\nprotocol: http\nport: 8080\n',
};
const hasFullDisk = existsSync('/dev/full');

describe('where output goes', () => {
  it('a reader that left is no fault, and changes no exit code', () => {
    // `true` is gone before the first byte comes.
    const { status, stderr } = shell(`set -o pipefail; ${chancery} help --json | true`);
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  it('results that could not be written are a failure that is said', {
    skip: !hasFullDisk && 'needs /dev/full',
  }, () => {
    const { status, stderr } = shell(`${chancery} help --json > /dev/full`);
    assert.match(stderr, /^error\[CH5005\]: the system refuses: ENOSPC[^\n]*\n$/);
    assert.equal(status, 1);
  });

  for (const [where, redirection] of [
    ['the reader of its log left', '2> >(true)'],
    ['the disk of its log is full', '2> /dev/full'],
  ] as const) {
    it(`a control plane goes on when ${where}`, {
      skip: !hasFullDisk && 'needs /dev/full',
    }, async () => {
      const plane = new LoneControlPlane(intent);
      const [port, agentPort] = [await freePort(), await freePort()];
      const flags = `--dev --dir "${plane.intentDir}" --port ${port} --agent-port ${agentPort}`;
      const child = spawn('bash', ['-c', `exec ${chancery} server ${flags} ${redirection}`], {
        stdio: 'ignore',
      });
      try {
        const asked = async () =>
          (await plane.chancery('revision', 'list', plane.intentDir).catch(() => '')) || undefined;
        const heard = async (word: string) => (await asked())?.includes(word) === true;
        await eventually(
          () => heard('accepted'),
          20_000,
          () => 'it does not come up',
        );
        // It has something to say about this.
        plane.write('services/a.yaml', 'nonsense\n');
        await eventually(
          () => heard('refused'),
          20_000,
          () => 'it does not go on',
        );
        assert.equal(child.exitCode, null);
      } finally {
        const hasEnded = child.exitCode !== null || child.signalCode !== null;
        const gone = hasEnded ? undefined : once(child, 'exit');
        child.kill('SIGTERM');
        await gone;
        await plane.remove();
      }
    });
  }
});

describe('--json', () => {
  const dir = mkdtempSync(join(tmpdir(), 'json-'));
  const failing = [
    'chek',
    'status --jsn',
    `status ${dir}`,
    `check ${dir}/none`,
    `test ${dir}/none`,
    `wait HEAD ${dir}`,
    `diff HEAD HEAD ${dir}`,
    `identity list ${dir}`,
    `why a b GET / --in ${dir}`,
    'help CH9999',
    'envoy where',
    'token create',
    `up ${dir} --check`,
  ];
  for (const one of failing) {
    it(`what went wrong is one document: ${one.replaceAll(dir, 'DIR')}`, () => {
      const { status, stdout, stderr } = shell(`cd ${dir} && ${chancery} ${one} --json`);
      const { ok, findings } = JSON.parse(stdout);
      assert.equal(ok, false);
      assert.match(findings[0].code, /^CH\d{4}$/);
      assert.doesNotMatch(stderr, /error\[/);
      assert.ok(status === 1 || status === 2);
    });
  }

  it('what went wrong on both sides of a comparison is one document as well', () => {
    const made = shell(
      `cd ${dir} && git init -q . && mkdir services && echo 'mesh: [' > mesh.yaml && git add . && ` +
        `git -c user.name=a -c user.email=a@b.c commit -qm one && ${chancery} diff HEAD HEAD . --json`,
    );
    const { ok, findings } = JSON.parse(made.stdout);
    assert.equal(ok, false);
    // Both sides are one commit here.
    const half = findings.length / 2;
    assert.deepEqual(findings.slice(0, half), findings.slice(half));
    rmSync(dir, { recursive: true });
  });

  it('help of a command is data', () => {
    const { stdout } = shell(`${chancery} help status --json`);
    assert.deepEqual(Object.keys(JSON.parse(stdout)), ['usage', 'text', 'examples']);
    assert.equal(shell(`${chancery} status --help --json`).stdout, stdout);
  });
});
