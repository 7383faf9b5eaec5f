import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryFor } from './repository-for.ts';

test('a folder that holds only state stands for the checkout where the command is typed', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'repository-for-'));
  const before = process.cwd();
  t.after(() => {
    process.chdir(before);
    rmSync(dir, { recursive: true, force: true });
  });
  const [work, state, plain] = ['work', 'state', 'plain'].map((name) => join(dir, name));
  assert.ok(work !== undefined && state !== undefined && plain !== undefined);
  mkdirSync(join(state, '.chancery'), { recursive: true });
  mkdirSync(plain);
  execFileSync('git', ['init', '--quiet', '-b', 'main', work]);
  writeFileSync(join(work, 'mesh.yaml'), 'mesh: a\n');
  const git = ['-C', work, '-c', 'user.name=Ann', '-c', 'user.email=ann@example.com'];
  execFileSync('git', [...git, 'add', '.']);
  execFileSync('git', [...git, 'commit', '--quiet', '-m', 'one']);
  process.chdir(work);
  assert.equal((await repositoryFor(state)).ok, true);
  // A folder without a repository is that, and never the one around whoever asks.
  const other = await repositoryFor(plain);
  assert.equal(other.ok ? '' : other.error.code, 'CH5300');
  process.chdir(plain);
  const nowhere = await repositoryFor(state);
  assert.match(nowhere.ok ? '' : (nowhere.error.help ?? ''), /checkout of the repository/);
});
