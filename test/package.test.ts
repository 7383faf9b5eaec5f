import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

describe('the npm package', { timeout: 120_000 }, () => {
  let dir = '';
  let entry = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'package-'));
    const into = ['--pack-destination', dir, '--silent'];
    const file = execFileSync('npm', ['pack', ...into], { encoding: 'utf8' })
      .trim()
      .split('\n');
    execFileSync('tar', ['-xzf', join(dir, file.at(-1) ?? ''), '-C', dir]);
    const modules = join(dir, 'node_modules');
    const home = join(modules, 'chancery');
    mkdirSync(modules);
    execFileSync('mv', [join(dir, 'package'), home]);
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: Record<string, string>;
    };
    // The dependencies of the dependencies are found from where the links lead.
    for (const name of Object.keys(dependencies)) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(resolve('node_modules', name), join(modules, name));
    }
    entry = join(home, 'bin', 'chancery.js');
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const run = (...args: readonly string[]): string =>
    execFileSync(process.execPath, [entry, ...args], { encoding: 'utf8', cwd: dir });

  it('runs where Node strips no types: init and check', () => {
    run('init', 'hello');
    assert.match(run('check', 'hello'), /2 services/);
  });

  it('holds the pages of its codes', () => {
    assert.match(run('help', 'CH2101'), /CH2101/);
  });
});
