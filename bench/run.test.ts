import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { areas } from './areas.ts';
import { type AreaName, metrics } from './metrics.ts';

function bench(...args: readonly string[]) {
  const command = [resolve('bench/run.ts'), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

describe('npm run bench', () => {
  for (const name of Object.keys(areas) as AreaName[]) {
    it(`${name} --help starts nothing and names what it takes and what it prints`, () => {
      const { status, stdout, stderr } = bench(name, '--help');
      assert.deepEqual([status, stderr], [0, '']);
      const flags = Object.keys(areas[name].options).map((flag) => `--${flag} `);
      for (const word of [...flags, ...Object.keys(areas[name].environment), ...metrics[name]]) {
        assert.ok(stdout.includes(word), word);
      }
    });
  }

  it('without an area --help names all of them', () => {
    const { status, stdout } = bench('--help');
    assert.equal(status, 0);
    for (const name of Object.keys(areas)) assert.ok(stdout.includes(name), name);
  });

  for (const [args, problem] of [
    [[], /^there is no area ""\nusage: .*authz/],
    [['toString'], /^there is no area "toString"/],
    [['authz', '--rounds', '3'], /^Unknown option '--rounds'.*\nusage: .*authz; /],
    [['mesh', 'more'], /^Unexpected argument 'more'/],
    [['bad-commits', '--watch'], /^Option '--watch <value>' argument missing/],
    [['bad-commits', '--watch', '4s'], /^--watch is a number of milliseconds, not "4s"/],
    [['bad-commits', '--only', '('], /^--only is a regular expression, not "\("/],
  ] as const) {
    it(`${JSON.stringify(args)} is refused with 1, and nothing is started`, () => {
      const { status, stdout, stderr } = bench(...args);
      assert.deepEqual([status, stdout], [1, '']);
      assert.match(stderr, problem);
    });
  }
});
